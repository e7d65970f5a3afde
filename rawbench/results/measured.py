"""A run as those who judge it read it: from its folder, or from the small JSON that is committed.

Report, comparison, regression gate and leaderboard all start from ``Results``, so that a run measured here and one
that came by mail are judged by the same code. The JSON holds every cell (one line each, so that a diff shows what
changed) and the medians of the timings; repeats, streams and keys stay in the run folder.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rawbench.errors import NotComparable, UsageError
from rawbench.files import write_atomically
from rawbench.results.means import Group, Row, Rule, ceiling_rows, group_by_camera, join_rows, make_row
from rawbench.results.schema import CEILING
from rawbench.results.store import DATABASE, Store

FORMAT = 1
ALL_CAMERAS = "all images"
Table = tuple[dict[str, Any], ...]
_JSON_COLUMNS = ("json", "options", "identity", "capabilities", "complexity", "facts")


@dataclass(frozen=True)
class Timing:
    """The repeats of one thing that was timed, in seconds or bytes: median and quartiles."""

    dataset: str
    image: str
    method: str
    rate_point: str
    what: str
    unit: str
    repeats: int
    median: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Results:
    """What a run found.

    Attributes:
        name: of the run: its folder, or the JSON file without its suffix.
        meta: protocol, command, versions of rawbench and of the schema.
        rows: all cells, the failed ones too, with rates and metrics by name.
        messages: why a cell failed, by (method, rate_point, dataset, image).
        images: by (dataset, image): camera, rendition, size, digest, facts.
        methods: by label: options, identity, capabilities, complexity.
        datasets: by label: revision and options.
        metrics: by name: version, unit, direction, rule of averaging.
        environments: what the cells were measured in.
        timings: of the timing pass; empty where there was none.
    """

    name: str
    meta: Mapping[str, str]
    rows: tuple[Row, ...]
    messages: Mapping[tuple[str, str, str, str], str]
    images: Mapping[tuple[str, str], Mapping[str, Any]]
    methods: Mapping[str, Mapping[str, Any]]
    datasets: Mapping[str, Mapping[str, Any]]
    metrics: Mapping[str, Mapping[str, Any]]
    environments: tuple[Mapping[str, Any], ...]
    timings: tuple[Timing, ...]

    @property
    def rules(self) -> dict[str, Rule]:
        """How each metric is averaged over images."""
        return {name: metric["aggregate"] for name, metric in self.metrics.items()}

    def means(self, methods: Iterable[str] | None = None) -> list[Group]:
        """Averages over all images of each dataset and rendition, whatever the camera."""
        wanted = None if methods is None else set(methods)
        rows = [replace(r, camera=ALL_CAMERAS) for r in self.rows if wanted is None or r.method in wanted]
        return group_by_camera(rows, self.rules)

    def full_means(self) -> list[Group]:
        """Those of ``means`` that rest on every image of their dataset: what an unfinished run may draw and rank."""
        counts = Counter(dataset for dataset, _ in self.images)
        return [group for group in self.means() if not group.failed and group.images == counts[group.dataset]]

    def by_camera(self) -> list[Group]:
        """Averages over the images of each camera."""
        return group_by_camera(self.rows, self.rules)

    def ceilings(self, by_camera: bool = False) -> list[Group]:
        """Ceilings of the images (``rawbench.run.ceiling``), averaged as ``means`` does, or as ``by_camera`` does."""
        rows = ceiling_rows(self.images.values(), self.rows)
        return group_by_camera(rows if by_camera else [replace(r, camera=ALL_CAMERAS) for r in rows], self.rules)


def place_of(row: Row) -> tuple[str, str, str, str]:
    """(method, rate point, dataset, image): what names a cell across runs."""
    return row.method, row.rate_point, row.dataset, row.image


def read_results(path: Path) -> Results:
    """A run folder, its database, or a JSON that ``write_results`` wrote.

    Raises:
        UsageError: there is no run, or it cannot be read.
        NotComparable: a newer rawbench wrote it.
    """
    if path.suffix == ".json" and path.is_file():
        return _from_json(path)
    with Store.open(path) as store:
        return from_store(store, (path.parent if path.name == DATABASE else path).resolve().name)


def from_store(store: Store, name: str) -> Results:
    """All that a run's store holds, its repeats as medians."""
    cells = store.cells()
    images = [_plain_row(row) for row in store.table("images")]
    by_key = {cell["cell"]: cell for cell in cells}
    return Results(
        name=name,
        meta=store.meta(),
        rows=tuple(join_rows(cells, images, store.rows())),
        messages={_place(c): c["message"] for c in cells if c["message"]},
        images={(i["dataset"], i["image"]): i for i in images},
        methods={m["method"]: _plain_row(m) for m in store.table("methods")},
        datasets={d["dataset"]: _plain_row(d) for d in store.table("datasets")},
        metrics={m["metric"]: m for m in store.table("metrics")},
        environments=tuple(json.loads(row["json"]) for row in store.table("environments")),
        timings=tuple(_timings(store.table("timings"), by_key)),
    )


def _place(cell: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return cell["method"], cell["rate_point"], cell["dataset"], cell["image"]


def _plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: json.loads(value) if key in _JSON_COLUMNS else value for key, value in row.items()}


def _timings(rows: Iterable[Mapping[str, Any]], cells: Mapping[str, Mapping[str, Any]]) -> Iterable[Timing]:
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for row in rows:
        found[row["cell"], row["what"], row["unit"]].append(row["value"])
    for (key, what, unit), values in found.items():
        cell = cells[key]
        low, middle, high = quartiles(values)
        place = (cell["dataset"], cell["image"], cell["method"], cell["rate_point"])
        yield Timing(*place, what, unit, len(values), middle, low, high)


def quartiles(values: Iterable[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile, interpolated linearly."""
    ordered = sorted(values)

    def at(share: float) -> float:
        position = share * (len(ordered) - 1)
        low = math.floor(position)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (position - low) * (ordered[high] - ordered[low])

    return at(0.25), at(0.5), at(0.75)


def write_results(results: Results, path: Path) -> None:
    """Write the small JSON that is committed.

    Raises:
        RawbenchError: the file cannot be written.
    """
    write_atomically(path, (as_lines(_as_json(results)) + "\n").encode())


def _as_json(results: Results) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "meta": dict(results.meta),
        "environments": list(results.environments),
        "datasets": list(results.datasets.values()),
        "metrics": list(results.metrics.values()),
        "methods": list(results.methods.values()),
        "images": [_image(image) for image in results.images.values()],
        "cells": [_cell(row, results.messages.get(place_of(row), "")) for row in results.rows],
        "timings": _timing_lines(results.timings),
    }


def _image(image: Mapping[str, Any]) -> dict[str, Any]:
    return {**image, CEILING: short(image.get(CEILING))}


def _cell(row: Row, message: str) -> dict[str, Any]:
    place = {"method": row.method, "rate_point": row.rate_point, "rate_order": row.rate_order}
    place |= {"dataset": row.dataset, "image": row.image}
    if row.status != "ok":
        return {**place, "status": row.status, "message": message}
    return {**place, **{name: short(value) for name, value in sorted(row.values.items())}}


def _timing_lines(timings: Iterable[Timing]) -> list[dict[str, Any]]:
    """A line for each cell: what -> unit, repeats, median, lower and upper quartile."""
    found: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    for t in timings:
        place = {"method": t.method, "rate_point": t.rate_point, "dataset": t.dataset, "image": t.image}
        line = found.setdefault((t.method, t.rate_point, t.dataset, t.image), {**place, "what": {}})
        line["what"][t.what] = [t.unit, t.repeats, *(float(f"{v:.5g}") for v in (t.median, t.lower, t.upper))]
    return list(found.values())


def _timings_of_line(line: Mapping[str, Any]) -> Iterable[Timing]:
    for what, (unit, repeats, median, lower, upper) in line["what"].items():
        place = (line["dataset"], line["image"], line["method"], line["rate_point"])
        yield Timing(*place, what, unit, repeats, median, lower, upper)


def short(value: float | None) -> float | str | None:
    """A number at eight significant digits, finer than any tolerance; infinity as text, which JSON has not."""
    if value is None or math.isnan(value):
        return None
    if math.isinf(value):
        return str(value)
    return value if isinstance(value, int) else float(f"{value:.8g}")


def _number(value: float | str | None) -> float | None:
    """What ``short`` wrote."""
    return None if value is None else float(value)


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
    return json.dumps(value, allow_nan=False)


_PLACE = ("method", "rate_point", "rate_order", "dataset", "image", "status", "message")


def _from_json(path: Path) -> Results:
    try:
        document = json.loads(path.read_text())
        version = document["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no run that rawbench wrote: {type(error).__name__}: {error}") from None
    if version != FORMAT:
        raise NotComparable(f"{path}: format {version}; this rawbench reads {FORMAT}")
    try:
        return _parse(document, path.stem)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} is damaged: {type(error).__name__}: {error}") from None


def _parse(document: Mapping[str, Any], name: str) -> Results:
    images = {(i["dataset"], i["image"]): {**i, CEILING: _number(i.get(CEILING))} for i in document["images"]}
    return Results(
        name=name,
        meta=document["meta"],
        rows=tuple(_row(cell, images[cell["dataset"], cell["image"]]) for cell in document["cells"]),
        messages={_place(c): c["message"] for c in document["cells"] if c.get("message")},
        images=images,
        methods={m["method"]: m for m in document["methods"]},
        datasets={d["dataset"]: d for d in document["datasets"]},
        metrics={m["metric"]: m for m in document["metrics"]},
        environments=tuple(document["environments"]),
        timings=tuple(timing for line in document["timings"] for timing in _timings_of_line(line)),
    )


def _row(cell: Mapping[str, Any], image: Mapping[str, Any]) -> Row:
    values = {k: _number(v) for k, v in cell.items() if k not in _PLACE}
    return make_row(cell, image, values)
