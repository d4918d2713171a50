"""No secret stays in a text, whether it is known or only looks like one."""

import base64

import pytest

from flyball.member.accounts import replica_password
from flyball.report.redaction import LEFT_OUT, Redaction, secrets_in

PASSWORD = "hunter2 'and' \"more\" é"
KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIKsomethingsecret\nAnotherSecretLine==\n-----END EC PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    "text",
    [
        PASSWORD,
        f"the message says {PASSWORD}!",
        "message: 'it is hunter2 ''and'' \"more\" é'",
        '{"message": "hunter2 \'and\' \\"more\\" é"}',
        '{"message": "hunter2 \'and\' \\"more\\" \\u00e9"}',
        base64.b64encode(PASSWORD.encode()).decode(),
    ],
)
def test_a_known_secret_goes_however_it_is_written(text: str) -> None:
    assert "hunter2" not in Redaction([PASSWORD])(text)
    assert base64.b64encode(PASSWORD.encode()).decode() not in Redaction([PASSWORD])(text)


def test_a_key_goes_line_by_line_too() -> None:
    clean = Redaction([KEY])
    for line in ("MHcCAQEEIKsomethingsecret", "AnotherSecretLine=="):
        assert line not in clean(f"somebody printed {line}")


def test_a_password_that_is_derived_goes() -> None:
    values = {"replica-seed": "seed-of-all", "ca": "-----BEGIN CERTIFICATE-----"}
    derived = replica_password("seed-of-all", "shop-x-x-1")
    clean = Redaction(secrets_in(values, ["shop-x-x-1"]))
    assert derived not in clean(f"SOURCE is {derived}")
    assert "BEGIN CERTIFICATE" in clean(values["ca"]), "what is public stays"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("CREATE USER 'a'@'%' IDENTIFIED BY 's3cret-x'", "CREATE USER 'a'@'%' IDENTIFIED BY "),
        ("IDENTIFIED WITH caching_sha2_password BY 's3cret-x'", "IDENTIFIED WITH caching_sha2_password BY "),
        ("SOURCE_PASSWORD='s3cret-x', SOURCE_HOST='h'", ", SOURCE_HOST='h'"),
        ("password=s3cret-x user=app", " user=app"),
        ('"password": "s3cret-x", "a": 1', '"a": 1'),
        ("MYSQL_PWD=s3cret-x mysql", " mysql"),
        ("Authorization: Bearer s3cret-x.y-z", "Authorization: Bearer "),
        ("mysql://app:s3cret-x@db/shop", "@db/shop"),
        (KEY.replace("something", "s3cret-x"), ""),
        ("token: s3cret-x", "token: "),
    ],
)
def test_what_looks_like_a_secret_goes_though_nobody_knows_it(text: str, left: str) -> None:
    clean = Redaction()(text)
    assert "s3cret-x" not in clean
    assert LEFT_OUT in clean
    assert left in clean


@pytest.mark.parametrize(
    "text", ["passwordSecret: {name: shop-app}", "credentials: shop-credentials", "term 7: shop-x-x-1 reigns"]
)
def test_other_words_stay(text: str) -> None:
    assert Redaction(["s3cret-x"])(text) == text
