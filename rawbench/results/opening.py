"""Opening a run's database: made whole or not at all, brought up to date, and refused where it is no run.

A database may come by mail. What is read must be tables of our own with the columns that we know: a view or a trigger
in the place of one could run for ever, or return what was never measured.
"""

from __future__ import annotations

import sqlite3
from functools import cache, lru_cache
from pathlib import Path

from rawbench.errors import NotComparable, RawbenchError, UsageError
from rawbench.results.plain import one_line
from rawbench.results.schema import ABSENT, MIGRATIONS, SCHEMA_VERSION, TABLES, VIEWS, columns_of

NAMES = ("meta", "environments", "methods", "datasets", "metrics", "images", "cells", "measurements", "timings")
_columns = cache(columns_of)


_LONG = 48  # bytes of a text that stands once: a digest


def _text(data: bytes) -> str:
    """Text of a database, whose damage must not hide the rest; names, which stand in many rows, are one object."""
    return _shared(data) if len(data) < _LONG else data.decode("utf-8", "backslashreplace")


@lru_cache(4096)
def _shared(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


def prepare(path: Path) -> sqlite3.Connection:
    """Open a database for writing: set up where there is none or its set-up was cut short, and brought up to date.

    Raises:
        RawbenchError: it cannot be written.
        UsageError: it is no run's.
        NotComparable: a newer version wrote it.
    """
    try:
        connection = sqlite3.connect(path, timeout=10)
        connection.text_factory = _text
    except sqlite3.Error as error:
        raise RawbenchError(f"cannot write the run folder {path.parent}: {error}") from None
    try:
        _refuse_foreign(connection, path)
        connection.execute("PRAGMA foreign_keys=OFF")
        if not _is_set_up(connection, path):
            drop = "".join(f"DROP TABLE IF EXISTS {name};" for name in reversed(NAMES))
            counted = f"INSERT INTO meta VALUES ('schema_version', '{SCHEMA_VERSION}');"
            connection.executescript(f"BEGIN IMMEDIATE; {drop} {TABLES} {VIEWS} {counted} COMMIT;")
        for version in range(check_tables(connection, path), SCHEMA_VERSION):
            counted = f"UPDATE meta SET value = '{version + 1}' WHERE key = 'schema_version';"
            connection.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[version]} {counted} COMMIT;")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
    except sqlite3.DatabaseError as error:
        connection.close()
        if isinstance(error, sqlite3.OperationalError):
            raise RawbenchError(f"cannot set up {path}: {one_line(error)}") from error
        raise UsageError(f"{path} is no rawbench run: {one_line(error)}") from None
    except RawbenchError:
        connection.close()
        raise
    return connection


def _is_set_up(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the database has a version; one without that holds anything but our own empty tables is refused."""
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}
    if "meta" in there and connection.execute("SELECT 1 FROM meta WHERE key = 'schema_version'").fetchone():
        return True
    filled = [name for name in there if name not in NAMES or connection.execute(f"SELECT 1 FROM {name}").fetchone()]
    if filled:
        raise UsageError(f"{path} is no rawbench run (it has no schema version, but holds {', '.join(sorted(filled))})")
    return False


def open_for_reading(path: Path, run: Path) -> sqlite3.Connection:
    """Open a database read-only; on read-only media, which have no place for WAL's side files, as immutable.

    Args:
        path: of the database.
        run: as the user named it.

    Raises:
        UsageError: there is no run, or it is damaged.
        NotComparable: a newer version wrote it.
    """
    if not path.is_file():
        raise UsageError(f"{run} holds no run (no {path.name})")
    location = path.resolve().as_uri()
    connection = None
    for mode in ("mode=ro", "immutable=1"):
        try:
            connection = sqlite3.connect(f"{location}?{mode}", uri=True, timeout=10)
            connection.text_factory = _text
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
            check_tables(connection, path)
            return connection
        except sqlite3.Error as error:
            problem = error
        except RawbenchError:
            if connection is not None:
                connection.close()
            raise
        if connection is not None:
            connection.close()
    raise UsageError(f"{path} is no rawbench run: {one_line(problem)}")


def check_tables(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version of a database, whose tables are what that version has.

    Raises:
        UsageError: they are not.
        NotComparable: the version is newer than this one.
    """
    _refuse_foreign(connection, path)
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
        raise UsageError(f"{path} is no rawbench run, or its set-up was cut short: it has no table meta")
    version = _version(connection, path)
    for name in NAMES:
        found = {row[1] for row in connection.execute(f"PRAGMA table_info({name})")}
        lacking = [c for c in _columns(name) if c not in found and c not in ABSENT.get(name, {})]
        if lacking:
            what = f"it has no table {name}" if not found else f"its table {name} has no column {lacking[0]}"
            raise UsageError(f"{path} is damaged: {what}")
    return version


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is computed when it is read or written: views, triggers, virtual tables, generated columns."""
    for name, kind, statement in connection.execute("SELECT name, type, sql FROM sqlite_master").fetchall():
        ours = kind in ("table", "index") or (name, kind) == ("rows", "view")
        if kind == "table" and name in NAMES:
            hidden = any(row[6] for row in connection.execute(f"PRAGMA table_xinfo({name})"))
            ours = not hidden and not str(statement).upper().startswith("CREATE VIRTUAL")
        if not ours:
            raise UsageError(f"{path} is no rawbench run: its {kind} {name!r:.40} is none that rawbench makes")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    row = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    if row is None:
        raise UsageError(f"{path} is damaged: it has no schema version")
    text = str(row[0])
    if not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise UsageError(f"{path} is damaged: schema version {text!r:.40}")
    version = int(text)
    if version > SCHEMA_VERSION:
        raise NotComparable(f"{path}: schema {version} is newer than this rawbench reads ({SCHEMA_VERSION})")
    return version
