"""Tables of a run: one row a method and rate point, images averaged, failures counted and never averaged away."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from rawbench.results.costs import COSTS, cost_text, costs_of, timing_notes
from rawbench.results.means import CEILED, Group, Row, ceiling_rows, group_by_camera, join_rows, macro_average
from rawbench.results.measured import from_store
from rawbench.results.schema import CEILING
from rawbench.results.store import Store
from rawbench.tables.terminal import print_cells

Costs = Mapping[tuple[str, str], Mapping[str, float]]

STANDARD = ("psnr", "ssim")
RATES = ("bytes", "bpp")
ALL = "all images"


def summarise(store: Store, camera: str | None = None, by_camera: bool = False) -> list[Group]:
    """Average a run's rows over images.

    Args:
        store: the run.
        camera: only images of this camera.
        by_camera: a group for each camera, and their macro-average, in place of one over all images.
    """
    rows = join_rows(store.cells(), store.table("images"), store.rows())
    return _summary(rows, store, camera, by_camera)


def summarise_ceilings(store: Store, camera: str | None = None, by_camera: bool = False) -> list[Group]:
    """The ceilings of the images that ``summarise`` averages over, in the same groups; see ``rawbench.run.ceiling``."""
    rows = join_rows(store.cells(), store.table("images"), [])
    return _summary(ceiling_rows(store.table("images"), rows), store, camera, by_camera)


def _summary(rows: Sequence[Row], store: Store, camera: str | None, by_camera: bool) -> list[Group]:
    rules = {row["metric"]: row["aggregate"] for row in store.table("metrics")}
    rows = [row for row in rows if camera in (None, row.camera)]
    if by_camera:
        groups = group_by_camera(rows, rules)
        return [*groups, *macro_average(groups, rules)]
    return group_by_camera([replace(row, camera=camera or ALL) for row in rows], rules)


def costs_of_run(store: Store) -> Costs:
    """What each rate point costs, by (method, rate point) and title: MP/s, MiB, kMAC/pixel, parameters.

    Empty without a timing pass; speeds are those of the images that were timed, whatever cameras a table shows.
    """
    results = from_store(store, "")
    places = {(t.method, t.rate_point) for t in results.timings}
    return {place: costs_of(results, *place) for place in places}


def table_cells(
    groups: Sequence[Group], metrics: Sequence[str], costs: Costs = MappingProxyType({})
) -> tuple[list[str], list[list[str]]]:
    """Headings and formatted cells, the same for every output.

    Args:
        groups: a row each.
        metrics: a column each.
        costs: from ``costs_of_run``; a column for each that any rate point has.
    """
    columns: dict[str, Callable[[Group], str]] = {}
    if len({group.dataset for group in groups}) > 1:
        columns["dataset"] = lambda group: group.dataset
    if len({group.camera for group in groups}) > 1:
        columns["camera"] = lambda group: group.camera
    columns |= {"method": lambda group: group.method, "rate point": lambda group: group.rate_point}
    columns["images"] = lambda group: str(group.images - group.failed)
    if any(group.failed > group.skipped for group in groups):
        columns["failed"] = lambda group: str(group.failed - group.skipped or "")
    if any(group.skipped for group in groups):
        columns["skipped"] = lambda group: str(group.skipped or "")
    for title, name in {"bytes/image": "bytes", "bpp": "bpp", **{name: name for name in metrics}}.items():
        columns[title] = partial(_value, name)
    if any(_exact(group) for group in groups):
        columns["exact"] = lambda group: str(_exact(group) or "")
    for title in COSTS:
        if any(title in found for found in costs.values()):
            columns[title] = partial(_cost, title, costs)
    return list(columns), [[show(group) for show in columns.values()] for group in groups]


def ceiling_cells(head: Sequence[str], ceilings: Sequence[Group], metrics: Sequence[str]) -> list[list[str]]:
    """Rows to stand under those of the methods, with the same headings; none where no shown metric has a ceiling."""
    shown = [name for name in metrics if any(name in group.means for group in ceilings)]
    body = []
    for group in ceilings if shown else ():
        known = {"dataset": group.dataset, "camera": group.camera, "method": group.method, "images": str(group.images)}
        known |= {"exact": str(_exact(group) or "")} | {name: _value(name, group) for name in shown}
        body.append([known.get(title, "") for title in head])
    return body


def _cost(title: str, costs: Costs, group: Group) -> str:
    return cost_text(title, costs.get((group.method, group.rate_point), {}).get(title))


def _exact(group: Group) -> int:
    return max((mean.exact for mean in group.means.values()), default=0)


def _value(name: str, group: Group) -> str:
    mean = group.means.get(name)
    if mean is None or math.isnan(mean.value):
        return "-"
    if math.isinf(mean.value):
        return "exact" if mean.exact == mean.count else "inf"
    if name == "bytes":
        return f"{mean.value:.0f}"
    if name.startswith(("psnr", "ciede")):
        return f"{mean.value:.2f}"
    if name.startswith("bpp") and mean.value < 0.01:
        return f"{mean.value:.5f}"
    return f"{mean.value:.4g}" if name in ("mae", "relative_error") else f"{mean.value:.4f}"


def shown_metrics(store: Store, wanted: Sequence[str]) -> tuple[str, ...]:
    """The metrics that a table shows: those wanted, else the standard ones of those that the run has."""
    measured = [row["metric"] for row in store.table("metrics")]
    if wanted:
        return tuple(wanted)
    return tuple(name for name in STANDARD if name in measured) or tuple(measured)


def notes(store: Store) -> list[str]:
    """What must stand under every table: protocol, and which images no camera took."""
    images = store.table("images")
    simulated = sum(row["simulated"] for row in images)
    lines = [f"protocol {store.meta()['protocol']}"]
    if simulated:
        lines.append(f"{simulated} of {len(images)} images are of a simulated camera")
    for row in store.table("methods"):
        if json.loads(row["capabilities"]).get("renders_its_own_srgb"):
            lines.append(f"{row['method']}: not on the dataset's sRGB, but on a rendition of its own")
    lines += _skips(store)
    lines.append("means are over images; 'exact' counts images without any error, whose PSNR is infinite")
    if any(row.get(CEILING) is not None for row in images):
        lines.append(f"{CEILED}: no method, but the best that a mapping of the 8-bit sRGB triple alone can give")
    if any(row["rendition"] == "png16" for row in images):
        lines.append(f"{CEILED}: none with png16, where nearly every sRGB triple is of one pixel alone")
    return [*lines, *timing_notes(from_store(store, ""))]


def _skips(store: Store) -> list[str]:
    """What each method skipped of a dataset, with the reason."""
    lines: dict[str, None] = {}
    for cell in store.cells():
        if cell["status"] == "skipped":
            title = f"{cell['method']} {cell['rate_point']} on {cell['dataset']}/{cell['image']}: "
            lines[f"skipped: {cell['method']} on {cell['dataset']}: {cell['message'].removeprefix(title)}"] = None
    return list(lines)


def print_table(store: Store, groups: Sequence[Group], ceilings: Sequence[Group], metrics: Sequence[str]) -> None:
    """Print a run's table: for a terminal with colours, elsewhere as plain text."""
    head, body = table_cells(groups, metrics, costs_of_run(store))
    print_cells(head, body, ceiling_cells(head, ceilings, metrics), notes(store))
