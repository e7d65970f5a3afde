"""The store of a run: SQLite while running, one commit a cell; the driver alone writes it.

Infinite values (the PSNR of an exact image) are kept as SQLite's own infinity; NaN becomes NULL, which says "not
defined here". What SQLite cannot hold (text that is no UTF-8, an integer of more than 64 bits, an object) is kept as
text or as the nearest number, for a row that cannot be written would end the run.

Nothing but a better result replaces a result: a cell that fails where one of the same key has succeeded leaves it as
it is; one that fails with other code hides the older result, which comes back with its code.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from rawbench.errors import RawbenchError, UsageError
from rawbench.results.opening import open_for_reading, prepare
from rawbench.results.plain import as_text, one_line, plain
from rawbench.results.schema import ABSENT

DATABASE = "run.sqlite"
_FINISHED = ("cell", "status", "message", "stream_digest", "encode_seconds", "decode_seconds", "recorded")
_JSON_COLUMNS = ("json", "options", "identity", "capabilities", "complexity", "facts")


@dataclass(frozen=True)
class Measurement:
    """One value of one metric, with its key; where the metric failed, the reason and NaN."""

    key: str
    metric: str
    version: int
    value: float
    unit: str
    message: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of one cell: facts, measurements, or a status that says why there are none.

    ``image`` holds what was found of the image itself: columns of ``images``. ``trace`` is the whole traceback of a
    failure.
    """

    cell: str
    status: str
    message: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    measurements: tuple[Measurement, ...] = ()
    image: Mapping[str, Any] = field(default_factory=dict)
    trace: str = ""


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
            UsageError: a file of that name is there and is no run.
            NotComparable: a newer version wrote it.
        """
        path = folder / DATABASE
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RawbenchError(f"cannot write the run folder {folder}: {error.strerror}") from None
        return cls(prepare(path), path)

    @classmethod
    def open(cls, run: Path) -> Store:
        """Open a finished or running run for reading: a folder, or its database file.

        Raises:
            UsageError: there is no run, or it is damaged.
            NotComparable: it was written by a newer version.
        """
        path = run / DATABASE if run.is_dir() else run
        return cls(open_for_reading(path, run), path)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            raise RawbenchError(f"cannot write {self.path}: {one_line(error)}") from error

    def meta(self) -> dict[str, str]:
        """What is known of the run as a whole: command, protocol, schema version."""
        return {row["key"]: row["value"] for row in self.select("SELECT key, value FROM meta")}

    def put_meta(self, values: Mapping[str, str]) -> None:
        with self._writing(), self._db:
            rows = [(key, as_text(value)) for key, value in values.items()]
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)

    def put_rows(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Insert or replace rows of ``methods``, ``datasets``, ``metrics``, ``images`` or ``environments``."""
        rows = list(rows)
        if not rows:
            return
        columns = list(rows[0])
        marks = ", ".join("?" for _ in columns)
        statement = f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({marks})"
        values = [[plain(row[c]) for c in columns] for row in rows]
        with self._writing(), self._db:
            self._db.executemany(statement, values)

    def put_outcome(self, place: Mapping[str, Any], outcome: Outcome) -> None:
        """Store a cell and its measurements in one transaction; see the module for what it replaces.

        It takes the place (method, rate point, dataset, image) of what stood there under another key: after a change
        of code, weights or device, tables would else average old and new results.
        """
        with self._writing(), self._db:
            self._clear(place, outcome)
            before = self._db.execute("SELECT status FROM cells WHERE cell = ?", [outcome.cell]).fetchone()
            if outcome.status == "ok" or before is None or before["status"] != "ok":
                self._put_cell(place, outcome)
            else:
                self._db.execute("UPDATE cells SET superseded = 0 WHERE cell = ?", [outcome.cell])
            for column, value in outcome.image.items():
                self._db.execute(
                    f"UPDATE images SET {column} = ? WHERE dataset = ? AND image = ?",
                    [plain(value), plain(place["dataset"]), plain(place["image"])],
                )
            for measurement in outcome.measurements:
                self._put_measurement(outcome.cell, measurement)

    def _clear(self, place: Mapping[str, Any], outcome: Outcome) -> None:
        """Make room at a cell's place: a result drives out all others, a failure hides a result of other code."""
        columns = ("method", "rate_point_index", "dataset", "image")
        others = "cell <> ? AND " + " AND ".join(f"{column} = ?" for column in columns)
        values = [outcome.cell, *(plain(place[column]) for column in columns)]
        kept = "" if outcome.status == "ok" else " AND status <> 'ok'"
        self._db.execute(f"DELETE FROM cells WHERE {others}{kept}", values)
        self._db.execute(f"UPDATE cells SET superseded = 1 WHERE {others}", values)

    def _put_cell(self, place: Mapping[str, Any], outcome: Outcome) -> None:
        row = {**place, "cell": outcome.cell, "status": outcome.status, "message": outcome.message}
        row |= {"trace": outcome.trace, "superseded": 0, **outcome.facts}
        marks = ", ".join("?" for _ in row)
        update = ", ".join(f"{column}=excluded.{column}" for column in row if column != "cell")
        self._db.execute(
            f"INSERT INTO cells ({', '.join(row)}) VALUES ({marks}) ON CONFLICT (cell) DO UPDATE SET {update}",
            [plain(value) for value in row.values()],
        )

    def _put_measurement(self, cell: str, measurement: Measurement) -> None:
        """A value takes the place of every older one of the metric; a failure only that of a failure."""
        m = measurement
        replaced = "" if not m.message else " AND message <> ''"
        self._db.execute(f"DELETE FROM measurements WHERE cell = ? AND metric = ?{replaced}", [cell, m.metric])
        self._db.execute(
            "INSERT OR IGNORE INTO measurements (key, cell, metric, version, value, unit, message) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [plain(v) for v in (m.key, cell, m.metric, m.version, m.value, m.unit, m.message)],
        )

    def adopt(self, cells: Iterable[str]) -> None:
        """Show these results again, where a failure of other code has taken their place."""
        columns = ("method", "rate_point_index", "dataset", "image")
        same = " AND ".join(f"other.{column} = cells.{column}" for column in columns)
        with self._writing(), self._db:
            for cell in cells:
                found = self._db.execute("SELECT 1 FROM cells WHERE cell = ? AND superseded", [cell]).fetchone()
                if found:
                    self._db.execute(
                        "DELETE FROM cells WHERE cell <> ? AND EXISTS "
                        f"(SELECT 1 FROM cells AS other WHERE other.cell = ? AND {same})",
                        [cell, cell],
                    )
                    self._db.execute("UPDATE cells SET superseded = 0 WHERE cell = ?", [cell])

    def put_timings(self, cell: str, environment: str, rows: Iterable[tuple[str, int, float, str]]) -> None:
        """Store the repeats of a timing pass: (what, repeat, value, unit).

        They replace the cell's older ones, those of other environments too: a median is of one machine.
        """
        with self._writing(), self._db:
            self._db.execute("DELETE FROM timings WHERE cell = ?", [cell])
            self._db.executemany(
                "INSERT INTO timings VALUES (?, ?, ?, ?, ?, ?)",
                [(cell, environment, what, repeat, value, unit) for what, repeat, value, unit in rows],
            )

    def select(self, query: str, parameters: Iterable[Any] = ()) -> list[dict[str, Any]]:
        """Rows of a query, as dictionaries.

        Raises:
            UsageError: the database is damaged, or locked for long.
        """
        return list(self._each(query, parameters))

    def _each(self, query: str, parameters: Iterable[Any] = ()) -> Iterator[dict[str, Any]]:
        try:
            for row in self._db.execute(query, tuple(parameters)):
                yield dict(row)
        except sqlite3.Error as error:
            raise UsageError(f"cannot read {self.path}: {one_line(error)}") from error

    def cells(self) -> list[dict[str, Any]]:
        """All cells that tables show, in the order of images, methods and rate points."""
        return list(self.each_cell())

    def each_cell(self, dataset: str | None = None, image: str | None = None) -> Iterator[dict[str, Any]]:
        """The same, one by one; of one image, where it is named."""
        where, names = ("", ()) if image is None else ("WHERE dataset = ? AND image = ?", (dataset, image))
        rows = self._each(f"SELECT * FROM cells {where} ORDER BY dataset, image, method, rate_order", names)
        return (row for row in ({**ABSENT["cells"], **row} for row in rows) if not row["superseded"])

    def finished(self) -> dict[str, dict[str, Any]]:
        """What a run that goes on must know of cells, by key, of those too that a failure hides.

        Each has its ``status``, ``message``, ``stream_digest``, ``encode_seconds``, ``decode_seconds`` and
        ``recorded``; ``metrics``, its pairs of name and version; ``failed_metrics``, messages by such pairs.
        """
        have: dict[str, frozenset[tuple[str, int]]] = {}
        lack: dict[str, dict[tuple[str, int], str]] = {}
        same: dict[frozenset[tuple[str, int]], frozenset[tuple[str, int]]] = {}  # most cells have the same metrics
        rows = self._each("SELECT * FROM measurements ORDER BY cell")
        for cell, group in groupby(rows, key=itemgetter("cell")):
            pairs = [((row["metric"], row["version"]), row.get("message", "")) for row in group]
            metrics = frozenset(pair for pair, message in pairs if not message)
            have[cell] = same.setdefault(metrics, metrics)
            if failed := {pair: message for pair, message in pairs if message}:
                lack[cell] = failed
        nothing: frozenset[tuple[str, int]] = frozenset()
        return {
            row["cell"]: {**row, "metrics": have.get(row["cell"], nothing), "failed_metrics": lack.get(row["cell"], {})}
            for row in self._each(f"SELECT {', '.join(_FINISHED)} FROM cells")
        }

    def values(self) -> dict[str, dict[str, float | None]]:
        """The metrics of each cell, by its key; of each metric its newest version, and no failed one."""
        newest: dict[str, int] = {}
        for row in self.select("SELECT metric, version FROM metrics"):
            newest[row["metric"]] = max(row["version"], newest.get(row["metric"], row["version"]))
        found: dict[str, dict[str, float | None]] = {}
        for row in self._each(f"SELECT cell, metric, version, value FROM measurements WHERE NOT {self._lost()}"):
            if newest.get(row["metric"], row["version"]) == row["version"]:
                found.setdefault(row["cell"], {})[row["metric"]] = row["value"]
        return found

    def _lost(self) -> str:
        """The condition that a measurement failed; none did in a run that is older than the column."""
        columns = {row["name"] for row in self._each("PRAGMA table_info(measurements)")}
        return "(message <> '')" if "message" in columns else "0"

    def failed_measurements(self) -> list[dict[str, Any]]:
        """What metrics could not say: cell, metric, message."""
        return self.select(f"SELECT * FROM measurements WHERE {self._lost()}")

    def table(self, name: str) -> list[dict[str, Any]]:
        """All rows of ``methods``, ``datasets``, ``metrics``, ``images``, ``environments`` or ``timings``."""
        return self._table(name, "ORDER BY 1, 2")

    def _table(self, name: str, order: str = "") -> list[dict[str, Any]]:
        absent = ABSENT.get(name, {})
        return [{**absent, **row} for row in self.select(f"SELECT * FROM {name} {order}")]

    def described(self, name: str) -> list[dict[str, Any]]:
        """The same, with what is kept as JSON read.

        Raises:
            ValueError: it is no JSON.
        """
        return [
            {key: json.loads(value) if key in _JSON_COLUMNS else value for key, value in row.items()}
            for row in self.table(name)
        ]

    def environments(self) -> list[dict[str, Any]]:
        """What the cells were measured in."""
        return [row["json"] for row in self.described("environments")]
