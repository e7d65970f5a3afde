"""The results database: tables, version, and the views that exports and tables read.

The rule: a run written by an older version stays readable for ever. A change of this file raises
``SCHEMA_VERSION`` and adds a step to ``MIGRATIONS``. A run that is only read is not migrated: readers do without the
columns that its version has not, or take those of ``ABSENT``.

2: images have ``ceiling_psnr``, NULL where no cell of the image was run since.
3: a measurement that failed has a ``message`` and no value; a cell that failed has its ``trace``; a result whose
   method failed since, with other code, is ``superseded``; the view ``rows`` is part of the database.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any, Literal

SCHEMA_VERSION = 3
Status = Literal["ok", "error", "mismatch", "oom", "timeout", "skipped"]
CEILING = "ceiling_psnr"  # of images: see rawbench.run.ceiling

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE environments (environment TEXT PRIMARY KEY, json TEXT NOT NULL);
CREATE TABLE methods (
    method TEXT PRIMARY KEY, name TEXT NOT NULL, options TEXT NOT NULL, format_version INTEGER NOT NULL,
    code_digest TEXT NOT NULL, identity TEXT NOT NULL, capabilities TEXT NOT NULL, complexity TEXT NOT NULL
);
CREATE TABLE datasets (
    dataset TEXT PRIMARY KEY, name TEXT NOT NULL, revision TEXT NOT NULL, options TEXT NOT NULL
);
CREATE TABLE metrics (
    metric TEXT NOT NULL, version INTEGER NOT NULL, unit TEXT NOT NULL, higher_is_better INTEGER NOT NULL,
    aggregate TEXT NOT NULL, summary TEXT NOT NULL, PRIMARY KEY (metric, version)
);
CREATE TABLE images (
    dataset TEXT NOT NULL, image TEXT NOT NULL, camera TEXT NOT NULL, rendition TEXT NOT NULL,
    raw_space TEXT NOT NULL, height INTEGER NOT NULL, width INTEGER NOT NULL, source_digest TEXT NOT NULL,
    simulated INTEGER NOT NULL, facts TEXT NOT NULL, ceiling_psnr REAL, PRIMARY KEY (dataset, image)
);
CREATE TABLE cells (
    cell TEXT PRIMARY KEY, method TEXT NOT NULL, rate_point_index INTEGER NOT NULL, rate_point TEXT NOT NULL,
    rate_order INTEGER NOT NULL, dataset TEXT NOT NULL, image TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('ok','error','mismatch','oom','timeout','skipped')),
    message TEXT NOT NULL, stream_bytes INTEGER, bpp REAL, bpp_padded REAL, bits_estimated REAL,
    stream_digest TEXT, decode_key TEXT, encode_seconds REAL, decode_seconds REAL, harness_seconds REAL,
    device TEXT NOT NULL, seed INTEGER NOT NULL, environment TEXT, recorded TEXT NOT NULL, finished TEXT NOT NULL,
    trace TEXT NOT NULL DEFAULT '', superseded INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX cells_by_place ON cells (dataset, image, method, rate_order);
CREATE TABLE measurements (
    key TEXT PRIMARY KEY, cell TEXT NOT NULL REFERENCES cells (cell) ON DELETE CASCADE,
    metric TEXT NOT NULL, version INTEGER NOT NULL, value REAL, unit TEXT NOT NULL, message TEXT NOT NULL DEFAULT ''
);
CREATE INDEX measurements_by_cell ON measurements (cell);
CREATE TABLE timings (
    cell TEXT NOT NULL REFERENCES cells (cell) ON DELETE CASCADE, environment TEXT NOT NULL, what TEXT NOT NULL,
    repeat INTEGER NOT NULL, value REAL NOT NULL, unit TEXT NOT NULL,
    PRIMARY KEY (cell, environment, what, repeat)
);
"""

# For those who ask the database itself. The rates are facts of a cell; here they stand among the metrics.
VIEWS = """
CREATE VIEW rows AS
SELECT c.method, c.rate_point, c.rate_order, c.dataset, c.image, m.metric, m.value, m.unit
  FROM cells c JOIN measurements m USING (cell) WHERE c.status = 'ok' AND NOT c.superseded
UNION ALL SELECT method, rate_point, rate_order, dataset, image, 'bpp', bpp, 'bit/pixel'
  FROM cells WHERE status = 'ok' AND NOT superseded
UNION ALL SELECT method, rate_point, rate_order, dataset, image, 'bpp_padded', bpp_padded, 'bit/pixel'
  FROM cells WHERE status = 'ok' AND NOT superseded
UNION ALL SELECT method, rate_point, rate_order, dataset, image, 'bytes', stream_bytes, 'byte'
  FROM cells WHERE status = 'ok' AND NOT superseded
UNION ALL SELECT method, rate_point, rate_order, dataset, image, 'bits_estimated', bits_estimated, 'bit'
  FROM cells WHERE status = 'ok' AND NOT superseded AND bits_estimated IS NOT NULL;
"""

MIGRATIONS: dict[int, str] = {
    1: "ALTER TABLE images ADD COLUMN ceiling_psnr REAL;",
    2: "ALTER TABLE cells ADD COLUMN trace TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE cells ADD COLUMN superseded INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE measurements ADD COLUMN message TEXT NOT NULL DEFAULT '';" + VIEWS,
}
# What a column is where a run is older than it.
ABSENT: dict[str, dict[str, Any]] = {
    "images": {CEILING: None},
    "cells": {"trace": "", "superseded": 0},
    "measurements": {"message": ""},
}


def columns_of(table: str) -> list[str]:
    """The columns that a table of this version has.

    >>> columns_of("environments")
    ['environment', 'json']
    """
    import sqlite3

    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(TABLES)
        return [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
