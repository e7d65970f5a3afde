"""The store of a run: SQLite while running, one commit a cell; the driver alone writes it.

Infinite values (the PSNR of an exact image) are kept as SQLite's own infinity; NaN becomes NULL, which says "not
defined here".
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rawbench.errors import NotComparable, RawbenchError, UsageError
from rawbench.results.schema import MIGRATIONS, SCHEMA_VERSION, TABLES, VIEWS

DATABASE = "run.sqlite"


@dataclass(frozen=True)
class Measurement:
    """One value of one metric, with its key."""

    key: str
    metric: str
    version: int
    value: float
    unit: str


@dataclass(frozen=True)
class Outcome:
    """What came of one cell: facts, measurements, or a status that says why there are none.

    ``image`` holds what was found of the image itself: columns of ``images``.
    """

    cell: str
    status: str
    message: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    measurements: tuple[Measurement, ...] = ()
    image: Mapping[str, Any] = field(default_factory=dict)


class Store:
    """The database of one run folder."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self._db.row_factory = sqlite3.Row
        self.path = path

    @classmethod
    def create(cls, folder: Path) -> Store:
        """Open the store of a run folder for writing, and make it where there is none.

        Raises:
            RawbenchError: the folder cannot be written.
        """
        path = folder / DATABASE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, timeout=10)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA foreign_keys=ON")
        except (OSError, sqlite3.Error) as error:
            raise RawbenchError(f"cannot write the run folder {folder}: {error}") from None
        store = cls(connection, path)
        with store._one_line("set up"):
            store._prepare()
        return store

    @classmethod
    def open(cls, run: Path) -> Store:
        """Open a finished or running run for reading: a folder, or its database file.

        Raises:
            UsageError: there is no run.
            NotComparable: it was written by a newer version.
        """
        path = run / DATABASE if run.is_dir() else run
        if not path.is_file():
            raise UsageError(f"{run} holds no run (no {DATABASE})")
        try:
            connection = _open_for_reading(path)
            store = cls(connection, path)
            version = store._version()
        except sqlite3.Error as error:
            raise UsageError(f"{path} is no rawbench run: {error}") from None
        if version > SCHEMA_VERSION:
            raise NotComparable(f"{path}: schema {version} is newer than this rawbench reads ({SCHEMA_VERSION})")
        connection.executescript(VIEWS)
        return store

    def _prepare(self) -> None:
        tables = self._db.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall()
        if not tables:
            self._db.executescript(TABLES)
            self.put_meta({"schema_version": str(SCHEMA_VERSION)})
        for version in range(self._version(), SCHEMA_VERSION):
            counted = f"UPDATE meta SET value = '{version + 1}' WHERE key = 'schema_version';"
            self._db.executescript(f"BEGIN; {MIGRATIONS[version]} {counted} COMMIT;")
        self._db.executescript(VIEWS)
        self._db.commit()

    def _version(self) -> int:
        return int(self.meta()["schema_version"])

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _one_line(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise RawbenchError(f"cannot {doing} {self.path}: {error}") from error

    def meta(self) -> dict[str, str]:
        """What is known of the run as a whole: command, protocol, schema version."""
        return {row["key"]: row["value"] for row in self._db.execute("SELECT key, value FROM meta")}

    def put_meta(self, values: Mapping[str, str]) -> None:
        with self._one_line("write"), self._db:
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(values.items()))

    def put_rows(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Insert or replace rows of ``methods``, ``datasets``, ``metrics``, ``images`` or ``environments``."""
        rows = list(rows)
        if not rows:
            return
        columns = list(rows[0])
        marks = ", ".join("?" for _ in columns)
        statement = f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({marks})"
        values = [[_plain(row[c]) for c in columns] for row in rows]
        with self._one_line("write"), self._db:
            self._db.executemany(statement, values)

    def put_outcome(self, place: Mapping[str, Any], outcome: Outcome) -> None:
        """Store a cell and its measurements in one transaction.

        It replaces what stood at its place (method, rate point, dataset, image), also under another key: after a
        change of code, weights or device, tables would else average old and new results.
        """
        row = {**place, "cell": outcome.cell, "status": outcome.status, "message": outcome.message}
        row |= outcome.facts
        columns = ", ".join(row)
        marks = ", ".join("?" for _ in row)
        update = ", ".join(f"{column}=excluded.{column}" for column in row if column != "cell")
        statement = f"INSERT INTO cells ({columns}) VALUES ({marks}) ON CONFLICT (cell) DO UPDATE SET {update}"
        place_columns = ("method", "rate_point_index", "dataset", "image")
        with self._one_line("write"), self._db:
            self._db.execute(
                f"DELETE FROM cells WHERE cell <> ? AND {' AND '.join(f'{c} = ?' for c in place_columns)}",
                [outcome.cell, *(place[c] for c in place_columns)],
            )
            self._db.execute(statement, [_plain(v) for v in row.values()])
            if outcome.status != "ok":
                self._db.execute("DELETE FROM measurements WHERE cell = ?", [outcome.cell])
            for column, value in outcome.image.items():
                self._db.execute(
                    f"UPDATE images SET {column} = ? WHERE dataset = ? AND image = ?",
                    [_plain(value), place["dataset"], place["image"]],
                )
            self._db.executemany(
                "DELETE FROM measurements WHERE cell = ? AND metric = ?",
                [(outcome.cell, m.metric) for m in outcome.measurements],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?, ?, ?)",
                [(m.key, outcome.cell, m.metric, m.version, _plain(m.value), m.unit) for m in outcome.measurements],
            )

    def put_timings(self, cell: str, environment: str, rows: Iterable[tuple[str, int, float, str]]) -> None:
        """Store the repeats of a timing pass: (what, repeat, value, unit).

        They replace the cell's older ones, those of other environments too: a median is of one machine.
        """
        with self._one_line("write"), self._db:
            self._db.execute("DELETE FROM timings WHERE cell = ?", [cell])
            self._db.executemany(
                "INSERT INTO timings VALUES (?, ?, ?, ?, ?, ?)",
                [(cell, environment, what, repeat, value, unit) for what, repeat, value, unit in rows],
            )

    def select(self, query: str, parameters: Iterable[Any] = ()) -> list[dict[str, Any]]:
        """Rows of a query, as dictionaries."""
        with self._one_line("read"):
            return [dict(row) for row in self._db.execute(query, tuple(parameters))]

    def cells(self) -> list[dict[str, Any]]:
        """All cells, in the order of images, methods and rate points."""
        return self.select("SELECT * FROM cells ORDER BY dataset, image, method, rate_order")

    def finished(self) -> dict[str, dict[str, Any]]:
        """Cells by key, each with ``metrics``: the (name, version) pairs that it has."""
        have: dict[str, set[tuple[str, int]]] = {}
        for row in self.select("SELECT cell, metric, version FROM measurements"):
            have.setdefault(row["cell"], set()).add((row["metric"], row["version"]))
        return {row["cell"]: {**row, "metrics": have.get(row["cell"], set())} for row in self.cells()}

    def rows(self) -> list[dict[str, Any]]:
        """The long form: method, rate_point, dataset, image, metric, value, unit."""
        return self.select(
            "SELECT method, rate_point, dataset, image, metric, value, unit FROM rows "
            "ORDER BY dataset, method, rate_order, image, metric"
        )

    def table(self, name: str) -> list[dict[str, Any]]:
        """All rows of ``methods``, ``datasets``, ``metrics``, ``images``, ``environments`` or ``timings``."""
        return self.select(f"SELECT * FROM {name} ORDER BY 1, 2")


def _open_for_reading(path: Path) -> sqlite3.Connection:
    """Read-only; a run on read-only media has no place for WAL's side files and is opened as immutable."""
    location = path.resolve().as_uri()
    try:
        connection = sqlite3.connect(f"{location}?mode=ro", uri=True, timeout=10)
        connection.execute("SELECT 1 FROM meta").fetchone()
    except sqlite3.OperationalError:
        connection = sqlite3.connect(f"{location}?immutable=1", uri=True)
    return connection


def _plain(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, sort_keys=True, default=list)
    if isinstance(value, bool):
        return int(value)
    return value
