"""The page of findings: every kind, and what is done about it. The kinds and their limits come from the code.

What a remedy does stands there as functions; the sentences for people are here, and one that is missing is an error.
"""

from flyball_topology.failover import CAUSES
from flyball_topology.findings import Kind
from flyball_topology.remedies import REMEDIES

_DONE: dict[str, str] = {
    "RECORD_OLDER_THAN_MEMBERS": "every act stops (`FB4004`) until a person runs `flyball adopt`",
    "PRIMARY_UNREACHABLE": "it is asked again, quickly, until it answers or is known to be dead",
    "PRIMARY_DEAD": "failover, where fencing those who answer revokes its reign",
    "PRIMARY_CLOSED": "failover; the same member may win it",
    "PRIMARY_FROZEN": "it is opened again, under the term that it reigns by",
    "SERVES_NOT_YET": "applications are let in",
    "SERVES_UNASKED": "applications are kept out, after a grace for what they have open",
    "PRIMARY_CANNOT_WRITE": "failover",
    "WRITES_WAIT": "nothing: an answer would be untrue; it names the members that do not hear the primary",
    "DISK_FULL": "a replica leaves the ack set until there is space; a primary that cannot write is replaced",
    "PRIMARY_HAS_SOURCE": "the source is dropped, once everything received from it is applied",
    "SEMI_SYNC_SETTINGS": "semi-sync is turned on, with at least as many acknowledgements as the durability asks",
    "DURABILITY_CHANGED": "more acknowledgements: the primary asks for them first; fewer: the record first",
    "ACCOUNTS_MISSING": "the database and the accounts are made",
    "ACK_SET_NOT_APPLIED": "the replication accounts are locked and unlocked as the ack set says",
    "WRITABLE_REPLICA": "it is fenced: closed, its clients cut off",
    "HALF_FROZEN": "it is frozen again, once its applier lets it",
    "MEMBER_UNREACHABLE": "nothing, for half a minute: members restart",
    "MEMBER_AWAY": "it leaves the ack set, where the rest can acknowledge writes without it",
    "OLD_PROMISE": "it promises the term and notes the version, so that no leader that acts on older ones changes it",
    "NO_PROMISE": "it is fenced under the present term; then it follows, or is cloned",
    "LACKS_PURGED": "it is reseeded",
    "ERRANT_HOUSEKEEPING": "the rows are declared on the primary as empty transactions, and the member follows",
    "UNACKNOWLEDGED_TAIL": "it is reseeded; what it gives up is written down in the Operation",
    "ERRANT_TRANSACTIONS": "it is isolated; reseeded only with `repair: {errant: reseed}`, else by a person",
    "DIVERGED": "it is isolated, or acknowledges where nobody else can; reseeded with `repair: {errant: reseed}`, "
    "else by a person",
    "NOT_AN_ACKER": "it joins the ack set: the record first, then its account is unlocked",
    "WRONG_SOURCE": "it is let follow the primary",
    "REPLICATION_STOPPED": "it is started",
    "REPLICATION_FAILED": "it is started again; another source only once what it received is applied",
    "NOT_CONNECTED": "its receiver is started anew, with the account that it should have",
    "NOT_ACKING": "the replica side of semi-sync is set, and its receiver started anew",
    "FORMER_PRIMARY": "it forgets that it reigned, once the reigning primary holds everything that it wrote",
    "REPLICA_CLOSED": "it is opened for reads",
    "CLONING": "it is waited for",
    "CLONE_FAILED": "the clone is tried again from another donor, after rests that double up to five minutes",
    "LEAVING": "a replica leaves the ack set; a primary hands over by a switchover first",
    "FENCED": "it is isolated while the Operation exists",
    "LAG": "nothing; a member that lags is no candidate of a switchover",
}


_ABOUT = (
    "Everything that can be wrong with a shard, the gravest first. A finding stands in `Shard.status.findings` with "
    "the member that it is about, and the first one's reason in the condition `Healthy`; the metric "
    "`flyball_topology_findings` has the same names in lower case with underscores. Remedies that do not help are "
    "tried again after rests that double from half a second to a minute."
)


def page() -> str:
    """The page."""
    rows = [f"| `{_reason(kind)}` | {kind.value} | {_done(kind)} | {_tries(kind)} |" for kind in Kind]
    parts = [
        "# Findings and remedies",
        "<!-- Written by tools/generate_reference.py from the code; edits here are lost. -->",
        _ABOUT,
        "What to do by hand stands in the [runbooks](../runbooks/README.md).",
        "\n".join(["| reason | what is wrong | what is done | tries |", "| --- | --- | --- | --- |", *rows]),
    ]
    return "\n\n".join(parts) + "\n"


def _done(kind: Kind) -> str:
    if kind.name not in _DONE:
        raise SystemExit(f"{__file__}: say in _DONE what is done about {kind.name}")
    return _DONE[kind.name]


def _reason(kind: Kind) -> str:
    """As the condition's reason is written."""
    return kind.name.title().replace("_", "")


def _tries(kind: Kind) -> str:
    if kind in CAUSES:
        return "until another reigns"
    remedy = REMEDIES.get(kind)
    if remedy is None:
        return "none"
    if remedy.tries is not None:
        return f"{remedy.tries}, then a person: `{remedy.ask}`"
    return f"then a person: `{remedy.ask}`" if remedy.ask else "without end"
