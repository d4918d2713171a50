"""Values and names as SQL text."""

import pytest

from flyball.session import call, literal, quote_name


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "TRUE"),
        (False, "FALSE"),
        (7, "7"),
        (0.5, "0.5"),
        ("it's", r"'it\'s'"),
        ("back\\slash", r"'back\\slash'"),
        ("line\nbreak\0", "'line\\nbreak\\0'"),
    ],
)
def test_a_value_becomes_a_literal(value: str | float | bool | None, text: str) -> None:
    assert literal(value) == text


def test_a_name_cannot_leave_its_backticks() -> None:
    assert quote_name("a`; DROP TABLE b; --") == "`a``; DROP TABLE b; --`"


def test_a_call_names_the_schema_and_separates_its_arguments() -> None:
    assert call("follow", 3, "h", None, False) == "CALL flyball.`follow`(3, 'h', NULL, FALSE)"
