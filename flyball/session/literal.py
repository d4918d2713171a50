"""Values and names as SQL text: the only place where either becomes part of a statement."""

from pymysql.converters import escape_string

Value = str | int | float | bool | None


def literal(value: Value) -> str:
    """Return ``value`` as a MySQL literal. Sessions run without NO_BACKSLASH_ESCAPES, which this relies on."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    return f"'{escape_string(value)}'"


def quote_name(name: str) -> str:
    """Return an identifier in backticks."""
    return "`" + name.replace("`", "``") + "`"


def call(procedure: str, *arguments: Value) -> str:
    """Return ``CALL flyball.procedure(arguments)``."""
    return f"CALL flyball.{quote_name(procedure)}({', '.join(map(literal, arguments))})"
