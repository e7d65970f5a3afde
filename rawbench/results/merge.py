"""Parts of a run that were measured apart, put into one run folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rawbench.errors import NotComparable, RawbenchError, UsageError
from rawbench.results.schema import CEILING
from rawbench.results.store import DATABASE, Store

# Tables by what names a row, in the order in which they refer to each other.
TABLES = {
    "environments": ("environment",),
    "methods": ("method",),
    "datasets": ("dataset",),
    "metrics": ("metric", "version"),
    "images": ("dataset", "image"),
    "cells": ("method", "rate_point_index", "dataset", "image"),
    "measurements": ("key",),
    "timings": ("cell", "environment", "what", "repeat"),
}
OWN = ("cells", "measurements", "timings")  # two parts have none of the same


def merge_runs(parts: Sequence[Path], out: Path) -> int:
    """Put parts into a new run folder, their streams too; returns how many cells it has.

    Args:
        parts: run folders.
        out: a folder that is not there yet, or empty.

    Raises:
        UsageError: a part is no run folder, ``out`` has something in it, or two parts have the same cell.
        NotComparable: two parts disagree: another protocol, or a method, image, dataset or metric that is not the same.
        RawbenchError: ``out`` cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there already, and not empty")
    tables: dict[str, dict[tuple, dict[str, Any]]] = {name: {} for name in TABLES}
    sources: dict[tuple[str, tuple], Path] = {}
    newest: dict[str, tuple[int, Path]] = {}
    metas = []
    for part in parts:
        if not (part / DATABASE).is_file():
            raise UsageError(f"{part} is no run folder (no {DATABASE})")
        with Store.open(part) as store:
            metas.append((part, store.meta()))
            _check_versions(store.table("metrics"), part, newest)
            for name, keys in TABLES.items():
                for row in store.table(name):
                    if not row.get("superseded"):
                        _add(tables[name], name, tuple(row[key] for key in keys), row, part, sources)
    _check_protocols(metas)
    _write(out, tables, _meta([meta for _, meta in metas]))
    _copy_streams(parts, out)
    return len(tables["cells"])


def _check_versions(metrics: Iterable[dict[str, Any]], part: Path, newest: dict[str, tuple[int, Path]]) -> None:
    """Refuse parts whose newest versions of a metric differ: tables show the newest alone, so one part's would go."""
    own: dict[str, int] = {}
    for row in metrics:
        own[row["metric"]] = max(row["version"], own.get(row["metric"], 0))
    for metric, version in own.items():
        before, where = newest.setdefault(metric, (version, part))
        if before != version:
            raise NotComparable(f"metric {metric} is version {before} in {where}, {version} in {part}")


def _add(
    rows: dict[tuple, dict[str, Any]], name: str, key: tuple, row: dict[str, Any], part: Path,
    sources: dict[tuple[str, tuple], Path],
) -> None:  # fmt: skip
    """One more row: new, or the same as the one that is there."""
    before, where = rows.get(key), sources.setdefault((name, key), part)
    if before is None:
        rows[key] = row
        return
    what = f"{name[:-1]} {', '.join(str(value) for value in key)}"
    if name in OWN:
        same = _result(before) == _result(row)
        how = "both have" if same else "have different results of"
        error = UsageError if same else NotComparable
        raise error(f"{where} and {part} {how} the {what}")
    differing = [k for k in row if row[k] != before.get(k) and not (k == CEILING and None in (row[k], before.get(k)))]
    if differing:
        raise NotComparable(f"{where} and {part} disagree on the {what}: its {differing[0]} is not the same")
    if before.get(CEILING, "") is None:
        rows[key] = row


def _result(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What two measurements of one cell must agree in."""
    return tuple(row.get(key) for key in ("cell", "status", "stream_digest", "value", "key"))


def _check_protocols(metas: Sequence[tuple[Path, Mapping[str, str]]]) -> None:
    first, meta = metas[0]
    for part, other in metas[1:]:
        if other.get("protocol") != meta.get("protocol"):
            raise NotComparable(f"{first} and {part} are of different protocols")


def _meta(metas: Sequence[Mapping[str, str]]) -> dict[str, str]:
    commands = [line for meta in metas for line in meta.get("command", "").splitlines()]
    last = max(metas, key=lambda meta: meta.get("last_run", ""))
    kept = {key: value for key, value in last.items() if key != "schema_version"}
    return {**kept, "command": "\n".join(dict.fromkeys(commands))}


def _write(out: Path, tables: Mapping[str, Mapping[tuple, Mapping[str, Any]]], meta: Mapping[str, str]) -> None:
    """Write the database; a timing of a cell that a failure hides has no cell here, and is left out."""
    cells = {row["cell"] for row in tables["cells"].values()}
    with Store.create(out) as store:
        store.put_meta(meta)
        for name, rows in tables.items():
            kept = [row for row in rows.values() if name not in OWN[1:] or row["cell"] in cells]
            store.put_rows(name, kept)


def _copy_streams(parts: Sequence[Path], out: Path) -> None:
    try:
        (out / "streams").mkdir(exist_ok=True)
        for part in parts:
            for file in sorted((part / "streams").glob("*")):
                if not file.name.endswith(".tmp"):
                    shutil.copy2(file, out / "streams" / file.name)
    except OSError as error:
        raise RawbenchError(f"cannot copy the streams into {out}: {error.strerror or error}") from None
