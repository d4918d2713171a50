"""The init file, as text. What it does is shown on real servers."""

import re

from flyball.member import accounts
from flyball.member.init_file import Passwords, render

SECRET = Passwords(topology="to'p", clone="cl\\one", engine="en")


def test_passwords_are_quoted_and_never_printed() -> None:
    text = render(SECRET)
    assert r"IDENTIFIED BY 'to\'p' REQUIRE SSL" in text
    assert r"'cl\\one'" in text
    assert "to'p" not in repr(SECRET)


def test_nothing_is_binlogged_and_the_member_is_closed_again_at_the_end() -> None:
    lines = render(SECRET).strip().splitlines()
    assert lines[0] == "SET SESSION sql_log_bin = 0;"
    assert lines[-1] == "SET GLOBAL super_read_only = ON;"


def test_every_routine_is_made_anew_and_belongs_to_the_locked_definer() -> None:
    text = render(SECRET)
    made = re.findall(r"^CREATE (.*?)(?:PROCEDURE|FUNCTION|EVENT) (flyball\.\w+)", text, re.MULTILINE)
    dropped = set(re.findall(r"^DROP (?:PROCEDURE|FUNCTION|EVENT) IF EXISTS (flyball\.\w+)", text, re.MULTILINE))
    assert len(made) > 20
    assert {name for _, name in made} == dropped
    assert {definer.strip() for definer, _ in made} == {"DEFINER='flyball_definer'@'localhost'"}


def test_every_act_takes_the_lock_and_checks_its_term() -> None:
    """Rule 4: promotion is not the only act that carries a term."""
    bodies = dict(re.findall(r"PROCEDURE flyball\.(\w+)\((.*?)^END \$\$", render(SECRET), re.MULTILINE | re.DOTALL))
    acts = {name: body for name, body in bodies.items() if body.startswith(("IN p_term", "\n  IN p_term"))}
    helpers = {"check_floor", "check_term", "obey", "has_noted", "note", "attach", "must_be_open"}
    assert {
        "fence",
        "freeze",
        "thaw",
        "follow",
        "promote",
        "isolate",
        "arm_clone",
        "declare_gtids",
        "admit",
    } <= acts.keys()
    checks = (
        "obey(p_term, ",
        "attach(p_term, ",
        "check_term(p_term, ",
        "must_be_open(p_term)",
        "take_over(p_term, ",
    )
    for name in acts.keys() - helpers:
        wanted = ("check_floor(p_term, ",) if name == "fence" else checks
        assert any(check in acts[name] for check in wanted), f"{name} does not check its term"


def test_acts_that_decide_who_acknowledges_check_the_version_of_the_record() -> None:
    bodies = dict(re.findall(r"PROCEDURE flyball\.(\w+)\((.*?)^END \$\$", render(SECRET), re.MULTILINE | re.DOTALL))
    for name in ("fence", "follow", "catch_up", "take_over", "hold", "serve", "admit", "ensure_semi_sync", "arm_clone"):
        assert re.search(
            r"CALL flyball\.(obey|attach|check_term|check_floor)\(p_term, p_version, p_issue[,)]", bodies[name]
        ), name


def test_each_member_has_an_account_and_a_password_of_its_own() -> None:
    names = [f"commerce-80-x-{n}" for n in range(5)]
    assert len({accounts.replica_account(name) for name in names}) == 5
    assert len({accounts.replica_password("seed", name) for name in names}) == 5
    assert accounts.replica_password("seed", names[0]) != accounts.replica_password("other", names[0])
    assert all(len(accounts.replica_account("x" * 63)) <= 32 for _ in names)  # MySQL's limit for names
    assert all(len(accounts.replica_password("seed", name)) <= 32 for name in names)  # and for SOURCE_PASSWORD
