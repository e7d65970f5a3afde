"""The small JSON of a run that is committed: every cell a line, so that a diff shows what changed.

It holds every cell and the medians of the timings; repeats, streams and keys stay in the run folder. A reference
(``rawbench.judge.reference``) is such a file with one more entry.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from rawbench.errors import NotComparable, UsageError
from rawbench.files import write_atomically
from rawbench.results.facts import ImageFacts, Timing
from rawbench.results.means import Row
from rawbench.results.plain import as_text, one_line
from rawbench.results.run import Run, damaged, make_run
from rawbench.results.schema import CEILING

FORMAT = 1
_ABSOLUTE = re.compile(r"(?:^|(?<=[=,:]))(?:/[^/,:=]+)*/(?=[^/])")
_PLACE = ("method", "rate_point", "rate_order", "dataset", "image", "status", "message", "failed_metrics")


def write_run(run: Run, path: Path, more: Mapping[str, Any] | None = None) -> None:
    """Write the small JSON that is committed; ``more`` are entries to stand before the run's own.

    Raises:
        RawbenchError: the file cannot be written.
    """
    document = {"format": FORMAT, **(more or {}), **_document(run)}
    write_atomically(path, (as_lines(document) + "\n").encode())


def _document(run: Run) -> dict[str, Any]:
    return {
        "meta": {**asdict(run.meta), "command": portable_command(run.meta.command)},
        "environments": [_given(asdict(environment)) for environment in run.environments],
        "datasets": [asdict(dataset) for dataset in run.datasets.values()],
        "metrics": [asdict(metric) for metric in run.metrics.values()],
        "methods": [asdict(method) for method in run.methods.values()],
        "images": [_image(image) for image in run.images.values()],
        "cells": [_cell(row) for row in run.rows],
        "timings": _timing_lines(run.timings),
    }


def portable_command(commands: str) -> str:
    """Return commands, a line each, without what is of one machine: where the run went, and folders above files.

    Example:
        >>> portable_command("rawbench run --plugin /home/me/mine.py --methods mine -j 2 --out /tmp/r")
        'rawbench run --plugin mine.py --methods mine -j 2'
    """
    return "\n".join(dict.fromkeys(_portable(line) for line in commands.splitlines()))


def _portable(line: str) -> str:
    try:
        words = iter(shlex.split(line))
    except ValueError:
        return line  # quotes that do not match: nothing that a shell took
    kept = []
    for word in words:
        if word == "--out":
            next(words, None)
        elif not word.startswith("--out="):
            kept.append(_ABSOLUTE.sub("", word))
    return shlex.join(kept)


def _given(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value is not None}


def _image(image: ImageFacts) -> dict[str, Any]:
    return {**asdict(image), CEILING: short(image.ceiling_psnr)}


def _cell(row: Row) -> dict[str, Any]:
    place = {"method": row.method, "rate_point": row.rate_point, "rate_order": row.rate_order}
    place |= {"dataset": row.dataset, "image": row.image}
    if row.status != "ok":
        return {**place, "status": row.status, "message": row.message}
    values = {name: short(value) for name, value in sorted(row.values.items())}
    if row.values.get("bytes") is not None:
        values["bytes"] = int(row.value("bytes"))
    failed = {"failed_metrics": dict(row.failed_metrics)} if row.failed_metrics else {}
    return {**place, **values, **failed}


def _timing_lines(timings: Iterable[Timing]) -> list[dict[str, Any]]:
    """A line for each cell: what -> unit, repeats, median, lower and upper quartile."""
    found: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    for t in timings:
        place = {"method": t.method, "rate_point": t.rate_point, "dataset": t.dataset, "image": t.image}
        line = found.setdefault((t.method, t.rate_point, t.dataset, t.image), {**place, "what": {}})
        line["what"][t.what] = [t.unit, t.repeats, *(float(f"{v:.5g}") for v in (t.median, t.lower, t.upper))]
    return list(found.values())


def short(value: float | None) -> float | str | None:
    """A number at eight significant digits, finer than any tolerance; infinity as text, which JSON has not.

    >>> short(61.73017712345), short(float("inf")), short(float("nan"))
    (61.730177, 'inf', None)
    """
    if value is None or math.isnan(value):
        return None
    if math.isinf(value):
        return str(value)
    return value if isinstance(value, int) else float(f"{value:.8g}")


def finite(value: Any) -> Any:
    """The same with infinities and NaN, which JSON has not, as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def as_lines(document: Mapping[str, Any]) -> str:
    """JSON with one line for each entry of a list or object at the top: small, and its diffs can be read."""
    parts = []
    for key, value in document.items():
        if isinstance(value, list | dict) and value:
            opening, closing = ("[", "]") if isinstance(value, list) else ("{", "}")
            items = [_line(v) for v in value] if isinstance(value, list) else [
                f"{json.dumps(k)}: {_line(v)}" for k, v in value.items()
            ]  # fmt: skip
            parts.append(f" {json.dumps(key)}: {opening}\n  " + ",\n  ".join(items) + f"\n {closing}")
        else:
            parts.append(f" {json.dumps(key)}: {_line(value)}")
    return "{\n" + ",\n".join(parts) + "\n}"


def _line(value: Any) -> str:
    return json.dumps(finite(value), allow_nan=False)


def read_document(path: Path) -> dict[str, Any]:
    """The JSON of a run, as it is.

    Raises:
        UsageError: it cannot be read, or is no run.
        NotComparable: it has another format.
    """
    try:
        document = from_json(path.read_bytes(), allow_inf_nan=False)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path} is no valid JSON: {one_line(error)}") from None
    version = document.get("format") if isinstance(document, dict) else None
    if version is None:
        raise UsageError(f"{path} is no run that rawbench wrote (no format)")
    if version != FORMAT or isinstance(version, bool):
        raise NotComparable(f"{path} has format {version!r:.40}; this rawbench reads {FORMAT}")
    return document


def run_of(document: Mapping[str, Any], path: Path) -> Run:
    """The run of a JSON that ``read_document`` read from ``path``.

    Raises:
        UsageError: it is damaged.
    """
    with damaged(path):
        return make_run(
            name=as_text(path.stem),
            meta=document["meta"],
            cells=[_row(cell) for cell in document["cells"]],
            timings=lambda: [timing for line in document["timings"] for timing in _timings(line)],
            **{name: document[name] for name in ("images", "methods", "datasets", "metrics", "environments")},
        )


def _row(cell: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: value for name, value in cell.items() if name not in _PLACE}
    return {**{name: cell[name] for name in _PLACE if name in cell}, "values": values}


def _timings(line: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    place = {name: line[name] for name in ("dataset", "image", "method", "rate_point")}
    for what, (unit, repeats, median, lower, upper) in line["what"].items():
        yield {**place, "what": what, "unit": unit, "repeats": repeats, "median": median, "lower": lower,
               "upper": upper}  # fmt: skip
