"""What the server's refusals become."""

import json

import pytest

from flyball.errors import Code
from flyball.kubernetes.answers import Asked, refusal

ASKED = Asked("replace", "Keyspace shop/commerce")


def status(code: int, reason: str, message: str = "said so", **details: str) -> bytes:
    said = {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}
    return json.dumps(said).encode()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((409, status(409, "Conflict", name="commerce")), Code.API_CONFLICT),
        ((409, status(409, "AlreadyExists", name="commerce")), Code.API_EXISTS),
        ((404, status(404, "NotFound", name="commerce")), Code.API_NOT_FOUND),
        ((404, status(404, "NotFound")), Code.API_UNKNOWN_KIND),
        ((404, b"404 page not found\n"), Code.API_UNKNOWN_KIND),
        ((401, status(401, "Unauthorized")), Code.API_FORBIDDEN),
        ((403, status(403, "Forbidden", name="commerce")), Code.API_FORBIDDEN),
        ((422, status(422, "Invalid", name="commerce")), Code.API_INVALID),
        ((400, status(400, "BadRequest")), Code.API_INVALID),
        ((410, status(410, "Expired")), Code.API_GONE),
        ((429, status(429, "TooManyRequests")), Code.API_AWAY),
        ((500, status(500, "InternalError")), Code.API_AWAY),
        ((503, b"<html>no upstream</html>"), Code.API_AWAY),
        ((504, status(504, "Timeout")), Code.API_AWAY),
    ],
)
def test_each_answer_has_its_code_and_a_next_step(answer: tuple[int, bytes], code: Code) -> None:
    error = refusal(ASKED, *answer)
    assert error.code is code
    assert error.message.startswith("replace Keyspace shop/commerce: ")
    assert error.next_step


def test_the_servers_own_sentence_is_kept() -> None:
    sentence = 'Keyspace.flyball.dev "commerce" is invalid: spec.replicas: Invalid value: 0'
    assert sentence in refusal(ASKED, 422, status(422, "Invalid", sentence, name="commerce")).message
