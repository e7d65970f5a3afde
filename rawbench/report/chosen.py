"""Which images a report shows, and whether their streams are there; nothing here needs torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rawbench.results.means import Row
from rawbench.results.run import Run
from rawbench.results.store import Store
from rawbench.types import Place


def choose_images(results: Run, metric: str, count: int = 2) -> list[tuple[str, str]]:
    """The image that the methods find hardest and the one in the middle, of the first dataset."""
    values: dict[tuple[str, str], list[float]] = {}
    for row in results.rows:
        value = row.values.get(metric)
        if row.status == "ok" and value is not None and math.isfinite(value):
            values.setdefault((row.dataset, row.image), []).append(value)
    first = next((dataset for dataset, _ in values), None)
    ranked = sorted((sum(v) / len(v), key) for key, v in values.items() if key[0] == first)
    places = [0, len(ranked) // 2, len(ranked) - 1]
    return list(dict.fromkeys(ranked[place][1] for place in places if ranked))[:count]


def shown_cells(results: Run, image: tuple[str, str], typical: Mapping[tuple[str, str], str]) -> list[Row]:
    """The cells of an image that stand for their methods, by the rate points of ``typical_points``."""
    mine = [row for row in results.rows if row.status == "ok" and (row.dataset, row.image) == image]
    return [row for row in mine if typical.get((row.dataset, row.method)) == row.rate_point]


def with_stream_facts(results: Run, run: Path, images: Sequence[tuple[str, str]]) -> Run:
    """The run with what finds and decodes the streams of these images: a run of many is read without.

    Args:
        results: the run.
        run: its folder or database; a committed run has no streams.
        images: (dataset, image).
    """
    if run.suffix == ".json":
        return results
    found: dict[Place, dict[str, Any]] = {}
    with Store.open(run) as store:
        for cell in (cell for image in images for cell in store.each_cell(*image)):
            place = Place(cell["method"], cell["rate_point"], cell["dataset"], cell["image"])
            found[place] = {name: cell[name] for name in ("cell", "rate_point_index", "seed")}
    rows = [replace(row, facts=found.get(row.place, {})) if (row.dataset, row.image) in images else row
            for row in results.rows]  # fmt: skip
    return replace(results, rows=tuple(rows))


def have_streams(
    folder: Path, results: Run, images: Sequence[tuple[str, str]], typical: Mapping[tuple[str, str], str]
) -> bool:
    """Whether any stream of these images is in the run folder."""
    cells = [row for image in images for row in shown_cells(results, image, typical)]
    return any((folder / "streams" / f"{row.facts.get('cell')}.rbs").is_file() for row in cells)
