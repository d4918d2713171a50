"""Secrets: passwords and keys, behind a port, so that they never stand in a record.

A record names a secret; who may read it is up to where it lives: a file of this user alone, or a Kubernetes
Secret that an account may get by name. A secret is a small mapping of texts. It is created once (whoever comes
second gets ALREADY_EXISTS, so two engines never make two passwords for one account) and replaced as a whole.

The values are :class:`Secret` mappings: printed, logged or put into an error they show their keys alone.
"""

import asyncio
import contextlib
import json
import os
import secrets
import stat
import string
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from flyball.errors import Code, InputError, StoreError
from flyball.records.base import check_label

PASSWORD_LENGTH = 32
"""Characters of a generated password, worth 190 bits; the most that SOURCE_PASSWORD of MySQL's CHANGE REPLICATION
SOURCE takes (MySQL manual, 15.4.2.2)."""

_ALPHABET = string.ascii_letters + string.digits


def generate_password() -> str:
    """A new random password of letters and digits: nothing in it needs quoting in SQL, a URL or a shell."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(PASSWORD_LENGTH))


class Secret(Mapping[str, str]):
    """The contents of a secret; never shows its values by itself."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, key: str) -> str:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Secret({', '.join(f'{key}=***' for key in sorted(self._values))})"


class Secrets(Protocol):
    """Where the secrets live. All methods raise :class:`StoreError` when the place fails them."""

    async def get(self, name: str) -> Secret | None:
        """The secret of that name, or None."""
        ...

    async def create(self, name: str, values: Mapping[str, str]) -> None:
        """Create the secret.

        :raises StoreError: ALREADY_EXISTS; the one that exists is left as it is.
        """
        ...

    async def replace(self, name: str, values: Mapping[str, str]) -> None:
        """Put new contents in the place of the old ones.

        :raises InputError: NO_SUCH_OBJECT.
        """
        ...

    async def delete(self, name: str) -> None:
        """Delete the secret; does nothing when there is none."""
        ...


class FileSecrets:
    """The :class:`Secrets` in a directory of this user alone (0700), one JSON file (0600) each.

    A file is written beside its place, synced and moved there, so a reader finds all of it or none.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def get(self, name: str) -> Secret | None:
        """See :meth:`Secrets.get`."""
        return await asyncio.to_thread(self._read, name)

    async def create(self, name: str, values: Mapping[str, str]) -> None:
        """See :meth:`Secrets.create`."""
        await asyncio.to_thread(self._write, name, values, is_new=True)

    async def replace(self, name: str, values: Mapping[str, str]) -> None:
        """See :meth:`Secrets.replace`."""
        await asyncio.to_thread(self._write, name, values, is_new=False)

    async def delete(self, name: str) -> None:
        """See :meth:`Secrets.delete`."""
        await asyncio.to_thread(self._delete, name)

    def _path(self, name: str) -> Path:
        try:
            return self._directory / f"{check_label(name)}.json"
        except ValueError as error:
            raise InputError(Code.NOT_A_NAME, f"secret: {error}", "Choose such a name.") from error

    def _read(self, name: str) -> Secret | None:
        path = self._path(name)
        with _coded(path):
            try:
                with path.open("rb") as file:
                    mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                    text = file.read()
            except FileNotFoundError:
                return None
        if mode & 0o077:
            raise StoreError(
                Code.STORE_CORRUPT,
                f"secret {path}: others may read it (mode {mode:04o}), expected 0600",
                f"Run `chmod 600 {path}`, and change what it holds if others could log in.",
            )
        try:
            values = json.loads(text)
            if not all(isinstance(value, str) for value in values.values()):
                raise TypeError  # noqa: TRY301 - one answer to every kind of damage
        except (ValueError, AttributeError, TypeError):
            # No cause: its message, and the text it keeps, may show what the file holds.
            raise StoreError(
                Code.STORE_CORRUPT,
                f"secret {path}: is no JSON object of texts",
                "Restore it from a copy, or delete it and let it be made anew.",
            ) from None
        return Secret(values)

    def _write(self, name: str, values: Mapping[str, str], *, is_new: bool) -> None:
        path = self._path(name)
        with _coded(path):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not is_new and not path.exists():
                raise InputError(Code.NO_SUCH_OBJECT, f"secret {name!r} does not exist", "Create it.")
            draft = _draft(self._directory, json.dumps(dict(values)))
            try:
                if is_new:
                    os.link(draft, path)  # fails where the name is taken; a rename would not
                else:
                    draft.replace(path)
            except FileExistsError:
                raise StoreError(
                    Code.ALREADY_EXISTS, f"secret {name!r} exists already", "Use the one that exists, or replace it."
                ) from None
            finally:
                draft.unlink(missing_ok=True)
            _sync(self._directory)

    def _delete(self, name: str) -> None:
        path = self._path(name)
        with _coded(path):
            if path.exists():
                path.unlink()
                _sync(self._directory)


def write_private(path: Path, text: str) -> None:
    """Write ``text`` to a file of this user alone (0600), all or nothing, replacing one that is there."""
    with _coded(path):
        draft = _draft(path.parent, text)
        try:
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        _sync(path.parent)


def _draft(directory: Path, text: str) -> Path:
    """A synced file of this user alone with ``text`` in it; mkstemp makes it 0600 from the start."""
    descriptor, name = tempfile.mkstemp(prefix=".draft-", dir=directory)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return draft


def _sync(directory: Path) -> None:
    """Make the directory's entries durable: a rename alone is not."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _coded(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            Code.STORE_UNWRITABLE,
            f"secret {path}: {error.strerror}",
            "Make room on its disk, and give this user the right to read and write its directory.",
        ) from error
