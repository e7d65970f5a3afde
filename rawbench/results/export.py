"""A run in the forms that others read: CSV, Parquet, JSON. Infinity is written as ``inf``, in JSON as text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rawbench.errors import UsageError
from rawbench.files import write_atomically
from rawbench.results.committed import finite
from rawbench.results.plain import safe_cell
from rawbench.results.run import RATES, Run, read_run

COLUMNS = ("run", "method", "rate_point", "dataset", "image", "metric", "value", "unit")


def export_run(path: Path, file: Path) -> int:
    """Write a run's rows; returns how many.

    Args:
        path: of the run, in any form that ``read_run`` takes.
        file: to write; its suffix says in which form.

    Raises:
        UsageError: no run there, or a suffix that is not known.
        RawbenchError: the file cannot be written.
    """
    writers = {".csv": _csv, ".parquet": _parquet, ".json": _json}
    if file.suffix.lower() not in writers:
        raise UsageError(f"{file}: the suffix must be one of {', '.join(writers)}")
    run = read_run(path)
    rows = list(long_rows(run))
    write_atomically(file, writers[file.suffix.lower()](rows, run))
    return len(rows)


def long_rows(run: Run) -> Iterator[dict[str, Any]]:
    """One row a value: run, method, rate_point, dataset, image, metric, value, unit."""
    units = {**{name: metric.unit for name, metric in run.metrics.items()}, **RATES}
    for row in sorted(run.rows, key=lambda row: (row.dataset, row.method, row.rate_order, row.image)):
        place = {"run": run.name, **asdict(row.place)}
        for name, value in sorted(row.values.items()):
            yield {**place, "metric": name, "value": value, "unit": units.get(name, "1")}


def _csv(rows: list[dict[str, Any]], _: Run) -> bytes:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: safe_cell(value) for name, value in row.items()} for row in rows)
    return buffer.getvalue().encode()


def _parquet(rows: list[dict[str, Any]], run: Run) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.float64() if name == "value" else pa.string()) for name in COLUMNS])
    table = pa.Table.from_pylist(rows, schema=schema).replace_schema_metadata(asdict(run.meta))
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def _json(rows: list[dict[str, Any]], run: Run) -> bytes:
    found: dict[str, Any] = {**asdict(run.meta), "rows": rows, "cells": [_cell(run, place) for place in run.by_place]}
    found |= {name: [asdict(item) for item in getattr(run, name).values()] for name in _TABLES}
    found["environments"] = [asdict(environment) for environment in run.environments]
    return (json.dumps(finite(found), indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


_TABLES = ("methods", "datasets", "metrics", "images")


def _cell(run: Run, place: Any) -> dict[str, Any]:
    row = run.by_place[place]
    return {**row.facts, **asdict(place), "rate_order": row.rate_order, "status": row.status, "message": row.message}
