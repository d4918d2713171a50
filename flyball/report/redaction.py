"""Taking secrets out of texts. Pure.

Three lines, since one may have a hole. Secrets are never gathered. Each secret that the one who reports may read is
looked for in everything that was gathered, as it is and as Base64, and taken out wherever it stands. What looks like
a secret (a private key, ``password=…``, ``IDENTIFIED BY '…'``, a token, an account in a URL) is taken out as well,
whether or not anybody knows it.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping

from flyball.member.accounts import replica_password

LEFT_OUT = "«left out»"

SHORTEST = 6
"""Characters; taking shorter ones out would leave no text readable."""
LONGEST = 64 << 10
"""Characters; what is longer is no password and no key."""

_PUBLIC = frozenset({"ca", "ca.crt", "tls.crt", "certificate", "username"})
"""Keys of a secret whose values are none."""

_WHOLE = (
    re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----.*?(?:-----END (?:[A-Z]+ )*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"(?<=Bearer )[\w.~+/=-]{8,}"),
    re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"),
    re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
)
_NAMED = (
    re.compile(
        r"((?:\bIDENTIFIED\s+(?:WITH\s+\S+\s+)?BY|PASSWORD\s*=|PASSWORD\s)\s*)('[^']*'|\"[^\"]*\")",
        re.IGNORECASE,
    ),
    re.compile(
        r"((?<![A-Za-z])[\w.-]*(?:password|passwd|pwd|token)[\"']?\s*[=:]\s*[\"']?)([^\s\"',;{}\[\]&]+)", re.IGNORECASE
    ),
)


class Redaction:
    """Takes these secrets, and what looks like one, out of texts."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        ordered = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        """The text without them."""
        if self._known is not None:
            text = self._known.sub(LEFT_OUT, text)
        for pattern in _WHOLE:
            text = pattern.sub(LEFT_OUT, text)
        for pattern in _NAMED:
            text = pattern.sub(rf"\g<1>{LEFT_OUT}", text)
        return text


def secrets_in(values: Mapping[str, str], members: Iterable[str] = ()) -> Iterator[str]:
    """What must not get out of a secret's contents: the passwords, and those that are derived for these members."""
    for key, value in values.items():
        if key not in _PUBLIC:
            yield value
    if seed := values.get("replica-seed"):
        for member in members:
            yield replica_password(seed, member)


def _forms(secret: str) -> Iterator[str]:
    """A secret as it may stand in a text: as it is, within quotes of JSON and YAML, as Base64; a key line by line."""
    lines = secret.split("\n") if "PRIVATE KEY-----" in secret else ()
    for part in {secret, secret.strip(), *lines}:
        if SHORTEST <= len(part) <= LONGEST and not part.startswith("-----"):
            yield part
            yield part.replace("'", "''")
            yield json.dumps(part)[1:-1]
            yield json.dumps(part, ensure_ascii=False)[1:-1]
            yield base64.b64encode(part.encode()).decode()
