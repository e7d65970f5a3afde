"""A run in the forms that others read: CSV, Parquet, JSON. Infinity is written as ``inf``, in JSON as text."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

from rawbench.errors import UsageError
from rawbench.files import write_atomically
from rawbench.results.store import Store

COLUMNS = ("run", "method", "rate_point", "dataset", "image", "metric", "value", "unit")


def export_run(run: Path, file: Path) -> int:
    """Write a run's rows; returns how many.

    Raises:
        UsageError: no run there, or a suffix that is not known.
        RawbenchError: the file cannot be written.
    """
    writers = {".csv": _csv, ".parquet": _parquet, ".json": _json}
    if file.suffix.lower() not in writers:
        raise UsageError(f"{file}: the suffix must be one of {', '.join(writers)}")
    with Store.open(run) as store:
        rows = [{"run": store.path.parent.resolve().name, **row} for row in store.rows()]
        write_atomically(file, writers[file.suffix.lower()](rows, store))
    return len(rows)


def _csv(rows: list[dict[str, Any]], _: Store) -> bytes:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()


def _parquet(rows: list[dict[str, Any]], store: Store) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.float64() if name == "value" else pa.string()) for name in COLUMNS])
    table = pa.Table.from_pylist(rows, schema=schema).replace_schema_metadata(store.meta())
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def _json(rows: list[dict[str, Any]], store: Store) -> bytes:
    tables = ("methods", "datasets", "metrics", "images", "environments")
    found: dict[str, Any] = {**store.meta(), "rows": rows, "cells": store.cells()}
    found |= {name: store.table(name) for name in tables}
    return (json.dumps(_finite(found), indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
