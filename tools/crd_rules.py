"""What a schema alone cannot say, as rules that the API server evaluates (CEL), and the bounds that make them cheap.

They say what the models' own validators say (``flyball/records/``) and, where a record is edited, what
``flyball/expand.py`` says about edits that would strand data. Every rule has a sentence for the person whose
``kubectl apply`` is refused. ``self`` is the value at the rule's place, ``oldSelf`` what stood there before.
"""

from dataclasses import dataclass

from flyball.records import Failover, Keyspace, Operation, Record, Reshard


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    :param at: the path of the schema that it belongs to, ``spec.tables.*`` say; the whole record when empty.
    :param message: the sentence; ``said`` is an expression for one that names what was seen.
    :param field: the field below the place that the sentence is about.
    """

    at: str
    rule: str
    message: str
    said: str = ""
    field: str = ""


_PADDED = "(%s.lowerAscii() + '0000000000000000').substring(0, 16)"
_START, _END = "{r}.split('-')[0]", "{r}.split('-')[1]"


def _padded(part: str, variable: str) -> str:
    return _PADDED % part.format(r=variable)


_RESERVED = (
    "({0} in ['information_schema', 'ndbinfo'] || {0}.startsWith('flyball') || {0}.startsWith('mysql')"
    " || {0}.startsWith('sys') || {0}.startsWith('performance'))"
)


def _fixed(what: str) -> Rule:
    return Rule("spec", "self == oldSelf", f"{what} says one thing once; delete it and make a new one")


RULES: dict[type[Record], tuple[Rule, ...]] = {
    Keyspace: (
        Rule(
            "",
            "(has(self.spec) && has(self.spec.database)) || !"
            + _RESERVED.format("self.metadata.name").replace("information_schema", "information-schema"),
            "the name would be that of a database which MySQL or flyball keeps for itself; choose another name, "
            "or give spec.database",
        ),
        Rule("spec", "!(has(self.shards) && has(self.ranges))", "give shards or ranges, not both"),
        Rule(
            "spec",
            "has(self.shards) == has(oldSelf.shards) && (!has(self.shards) || self.shards == oldSelf.shards) "
            "&& has(self.ranges) == has(oldSelf.ranges) && (!has(self.ranges) || self.ranges == oldSelf.ranges)",
            "shards and ranges cannot change: rows would have to move, and this version cannot reshard yet; make a new "
            "keyspace and copy the rows",
        ),
        Rule(
            "spec.ranges",
            "self.exists_one(r, r.startsWith('-')) && self.exists_one(r, r.endsWith('-'))",
            "exactly one range starts at the lowest id (-80, say) and exactly one ends at the highest (80-, say)",
        ),
        Rule(
            "spec.ranges",
            f"self.all(r, r.startsWith('-') || r.endsWith('-') || {_padded(_START, 'r')} < {_padded(_END, 'r')})",
            "each range starts below its end",
        ),
        Rule(
            "spec.ranges",
            # The list in a list is a name for it, so that each start is worked out once.
            f"[self.map(r, {_padded(_START, 'r')})].all(starts, starts.all(a, starts.exists_one(b, a == b)))",
            "two ranges start at the same id",
        ),
        Rule(
            "spec.ranges",
            "sets.equivalent("
            f"self.filter(r, !r.endsWith('-')).map(r, {_padded(_END, 'r')}), "
            f"self.filter(r, !r.startsWith('-')).map(r, {_padded(_START, 'r')}))",
            "the ranges leave a gap or overlap: each starts where another one ends",
        ),
        Rule(
            "spec",
            "self.durability.policy == 'none' || self.replicas > self.durability.acks",
            "replicas is below the members that durability.acks needs (acks and the primary): writes could never be "
            "acknowledged; set replicas to acks + 1 or more, or ask for fewer acks",
        ),
        Rule(
            "spec",
            "self.durability.policy != 'cross-zone' || (has(self.zones) && self.zones.size() > 0 && self.replicas"
            " - (self.replicas + self.zones.size() - 1) / self.zones.size() >= self.durability.acks)",
            "durability cross-zone: too few members live outside the fullest zone to acknowledge; declare more zones, "
            "or more replicas to spread over them",
        ),
        Rule("spec.zones", "self.all(z, self.exists_one(y, y == z))", "zones: the same name twice"),
        Rule(
            "spec",
            "has(self.database) == has(oldSelf.database) && (!has(self.database) || self.database == oldSelf.database)",
            "database cannot change: the tables would be out of reach; make a new keyspace and copy the rows",
        ),
        Rule(
            "spec.database", f"!{_RESERVED.format('self')}", "MySQL or flyball keeps a database of that name for itself"
        ),
        Rule(
            "spec.tables.*",
            "has(self.shardBy) != self.reference",
            "a table has either shardBy: COLUMN or reference: true",
        ),
        Rule(
            "spec.tables.*",
            "self.reference == oldSelf.reference && has(self.shardBy) == has(oldSelf.shardBy)"
            " && (!has(self.shardBy) || self.shardBy == oldSelf.shardBy)",
            "a table cannot be spread anew, its rows would be on the wrong shards; copy them into a new table",
        ),
        Rule(
            "spec.users[]",
            "!self.name.startsWith('flyball') && !(self.name in ['root', 'mysql'])",
            "MySQL or flyball keeps an account of that name for itself",
            field=".name",
        ),
        Rule(
            "spec.storage",
            "quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0",
            "a volume only grows",
            "'a volume only grows: ' + self.size + ' need not hold what is on one of ' + oldSelf.size",
            field=".size",
        ),
        Rule(
            "spec.mysql.resources",
            "!has(self.limits) || !has(self.requests) || self.limits.all(k, !(k in self.requests)"
            " || quantity(self.requests[k]).compareTo(quantity(self.limits[k])) <= 0)",
            "a request is above its limit",
        ),
    ),
    Failover: (_fixed("a Failover"),),
    Reshard: (_fixed("a Reshard"),),
    Operation: (
        _fixed("an Operation"),
        Rule(
            "spec",
            "!(self.type in ['fence', 'reseed', 'release']) || (has(self.shard) && has(self.member))",
            "an operation of this type names a shard and a member",
            "'an operation of type ' + self.type + ' names a shard and a member'",
        ),
        Rule("spec", "self.type != 'adopt' || has(self.shard)", "an operation of type adopt names a shard"),
        Rule(
            "spec",
            "!(self.type in ['approve', 'cancel', 'reverse', 'complete']) || has(self.workflow)",
            "an operation of this type names a workflow",
            "'an operation of type ' + self.type + ' names a workflow'",
        ),
        Rule(
            "spec",
            "!has(self.workflow) || (self.type in ['pause', 'approve', 'cancel', 'reverse', 'complete']"
            " && !has(self.shard))",
            "an operation about a shard names no workflow",
        ),
    ),
}
"""The rules of each kind."""

BOUNDS: dict[type[Record], dict[str, dict[str, object]]] = {
    Keyspace: {
        "spec.ranges": {"minItems": 1, "maxItems": 256},
        "spec.ranges[]": {"maxLength": 33, "pattern": "^([0-9a-fA-F]{2}){0,8}-([0-9a-fA-F]{2}){0,8}$"},
        "spec.tables": {"maxProperties": 1000},
        "spec.tables.*.shardBy": {"minLength": 1, "maxLength": 64},
        "spec.users": {"maxItems": 64},
        "spec.mysql.config": {"maxProperties": 500},
        "spec.mysql.resources.requests": {"maxProperties": 16},
        "spec.mysql.resources.limits": {"maxProperties": 16},
    },
}
"""What the API server must know of sizes to bound the cost of a rule, and the form of texts that the models parse."""
