"""Bootstrap: an empty shard gets term 1 at one member.

The invariant (rule 10): term 1 is issued only when the record has issued none and every declared member is reached,
empty, and has never promised anything. A record that was lost or restored can therefore never start a second line
beside the one that the members hold.
"""

from flyball.records.shard import Mode, Phase, Suspect, Transition
from flyball_topology.changes import Deciding, status_with, take, wait
from flyball_topology.diagnose import missing_on_primary
from flyball_topology.revocation import homeless
from flyball_topology.steps import Establish, Provision, Step
from flyball_topology.view import View


def start(view: View) -> Deciding:
    """Issue term 1 to the first member, or say what is awaited."""
    unreached = [name for name, member in view.members.items() if member.seen is None]
    if unreached or not view.members:
        names = ", ".join(f"{name} ({view.members[name].reach.value})" for name in unreached) or "any member"
        return wait(view, "a shard begins only when every declared member is reached", f"{names} to answer")
    used = [name for name, member in view.members.items() if member.seen and not member.seen.is_empty]
    if used:
        return wait(
            view,
            "a shard begins only with empty members; the record knows of no term, yet these hold data or a promise",
            f"a person: adopt the term that {', '.join(used)} know, or give the shard empty members",
        )
    if nowhere := homeless(view):
        return wait(view, "durability cross-zone needs each member's zone", f"a zone for {', '.join(nowhere)}")
    first = next(iter(view.members.values()))
    spec = view.shard.spec
    transition = Transition(
        mode=Mode.BOOTSTRAP,
        phase=Phase.PROMOTING,
        candidate=first.name,
        term=1,
        issue=view.issue,
        reason="the shard is new",
        suspects=(Suspect(name=first.name, uuid=first.seen.uuid if first.seen else "", term=1),),
    )
    status = status_with(view, issued=1, transition=transition, ackers=tuple(view.members), durability=spec.durability)
    return take(view, Step(f"issue term 1 to {first.name}", status=status), "the shard is new, its members are empty")


def establish(view: View, transition: Transition) -> Step | None:
    """What the first primary needs before it opens: the shard's schema, the database, the accounts.

    Wherever that was cut off, at this member or at one that it follows, it is done again from the beginning: each part
    changes nothing where it is done. Once a journal shows a term it was complete: nobody opens before it is.
    """
    member = view.members[transition.candidate]
    seen = member.seen
    if seen is None or seen.journal_term:
        return None
    if not seen.executed.contains(seen.received):
        return None  # what was received is applied first: it may be a part of the same, or all of it
    if seen.opened == transition.term and (seen.accounts is None or not missing_on_primary(view, seen)):
        return None
    spec = view.shard.spec
    users = tuple((user.name, user.ddl) for user in spec.users)
    act = Establish(member.name, transition.term, spec.database, users, tuple(view.members))
    return Step(f"establish the shard on {member.name}", acts=(act,), within=30.0)


def provision(view: View, member: str) -> Step:
    """What the reigning primary lacks of the same."""
    spec = view.shard.spec
    users = tuple((user.name, user.ddl) for user in spec.users)
    act = Provision(member, view.reign.term, spec.database, users, tuple(view.members))
    return Step(f"provision {member}", acts=(act,))
