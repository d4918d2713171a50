"""The init file of a member: the SQL of ``sql/`` with the passwords filled in."""

from dataclasses import dataclass
from importlib import resources

from pymysql.converters import escape_string

_STATEMENTS = ("1_accounts.sql", "2_tables.sql")
_ROUTINES = (
    "3_fence.sql",
    "4_replication.sql",
    "5_provision.sql",
    "6_guard.sql",
    "7_probe.sql",
    "8_reshard.sql",
    "8_verify.sql",
    "9_grants.sql",
)


@dataclass(frozen=True, slots=True, repr=False)
class Passwords:
    """The passwords of the accounts that every member makes for itself. Never printed."""

    topology: str
    clone: str
    engine: str


def render(passwords: Passwords) -> str:
    """Return the init file's text. It holds passwords: keep the file at mode 0600.

    The member starts with ``super_read_only=ON``; it is off while these statements run, before the first client
    is let in, and on again at the end.
    """
    sql = resources.files(__package__) / "sql"
    statements = "\n".join((sql / name).read_text() for name in _STATEMENTS).format(
        topology_password=_literal(passwords.topology),
        clone_password=_literal(passwords.clone),
        engine_password=_literal(passwords.engine),
    )
    routines = "\n".join((sql / name).read_text() for name in _ROUTINES)
    return (
        "SET SESSION sql_log_bin = 0;\nSET GLOBAL super_read_only = OFF;\n"
        f"{statements}\nDELIMITER $$\n{routines}\nDELIMITER ;\nSET GLOBAL super_read_only = ON;\n"
    )


def _literal(text: str) -> str:
    return f"'{escape_string(text)}'"
