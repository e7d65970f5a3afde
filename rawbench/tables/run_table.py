"""Tables of a run: one row a method and rate point, images averaged, failures counted and never averaged away."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from rawbench.results.comparable import check_lines, falls, on_shared_images, untrained_lines
from rawbench.results.costs import COSTS, cost_text, costs_of_points, timing_notes
from rawbench.results.means import CEILED, Group, macro_average
from rawbench.results.run import RATES, Run
from rawbench.tables.terminal import print_cells

Costs = Mapping[tuple[str, str], Mapping[str, float]]

STANDARD = ("psnr", "ssim")


def summarise(run: Run, by_camera: bool = False) -> tuple[Group, ...]:
    """A run's averages over images; ``by_camera`` a group for each camera, and their macro-average."""
    return (*run.by_camera, *run.over_cameras) if by_camera else run.means


def summarise_ceilings(run: Run, by_camera: bool = False) -> tuple[Group, ...]:
    """The ceilings of the images that ``summarise`` averages over, in the same groups; see ``rawbench.run.ceiling``."""
    return (*run.camera_ceilings, *macro_average(run.camera_ceilings, run.rules)) if by_camera else run.ceilings


def table_cells(
    groups: Sequence[Group], metrics: Sequence[str], costs: Costs = MappingProxyType({})
) -> tuple[list[str], list[list[str]]]:
    """Headings and formatted cells, the same for every output.

    Args:
        groups: a row each.
        metrics: a column each.
        costs: from ``costs_of_points``; a column for each that any rate point has.
    """
    columns: dict[str, Callable[[Group], str]] = {}
    if len({group.dataset for group in groups}) > 1:
        columns["dataset"] = lambda group: group.dataset
    if len({group.camera for group in groups}) > 1:
        columns["camera"] = lambda group: group.camera
    columns |= {"method": lambda group: group.method, "rate point": lambda group: group.rate_point}
    columns["images"] = lambda group: str(group.images - group.failed)
    falling = falls(groups)
    if any(group.failed > group.skipped for group in groups):
        columns["failed"] = lambda group: str(group.failed - group.skipped or "")
    if any(group.skipped for group in groups):
        columns["skipped"] = lambda group: str(group.skipped or "")
    for title, name in {"bytes/image": "bytes", "bpp": "bpp", **{name: name for name in metrics}}.items():
        columns[title] = partial(_value, name)
    if any(_exact(group) for group in groups):
        columns["exact"] = lambda group: str(_exact(group) or "")
    if falling:
        columns["falls"] = lambda g: falling.get((g.dataset, g.camera, g.rendition, g.method, g.rate_point), "")
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
        return str(mean.value) if mean.exact != mean.count else "exact"
    if abs(mean.value) >= 1e9:
        return f"{mean.value:.4g}"
    if name == "bytes":
        return f"{mean.value:.0f}"
    if name.startswith(("psnr", "ciede")):
        return f"{mean.value:.2f}"
    if name.startswith("bpp") and mean.value < 0.01:
        return f"{mean.value:.5f}"
    return f"{mean.value:.4g}" if name in ("mae", "relative_error") else f"{mean.value:.4f}"


def shown_metrics(run: Run, wanted: Sequence[str]) -> tuple[str, ...]:
    """The metrics that a table shows: those wanted, else the standard ones of those that the run has.

    Raises:
        UsageError: the run has no such metric.
    """
    from rawbench.errors import UsageError, suggest

    known = {**run.metrics, **RATES}
    for name in wanted:
        if name not in known:
            raise UsageError(f"the run has no metric {name!r}{suggest(name, known)}")
    return tuple(wanted) or tuple(name for name in STANDARD if name in run.metrics) or tuple(run.metrics)


def notes(run: Run) -> list[str]:
    """What must stand under every table: protocol, and which images no camera took."""
    images = run.images.values()
    simulated = sum(image.simulated for image in images)
    lines = [f"protocol {run.meta.protocol}"]
    if simulated:
        lines.append(f"{simulated} of {len(images)} images are of a simulated camera")
    for method in run.methods.values():
        if method.capabilities.get("renders_its_own_srgb"):
            lines.append(f"{method.method}: not on the dataset's sRGB, but on a rendition of its own")
    lines += untrained_lines(run) + _skips(run) + _failed_metrics(run)
    lines.append("means are over images; 'exact' counts images without any error, whose PSNR is infinite")
    if any(image.ceiling_psnr is not None for image in images):
        lines.append(f"{CEILED}: no method, but the best that a mapping of the 8-bit sRGB triple alone can give")
    if any(image.rendition == "png16" for image in images):
        lines.append(f"{CEILED}: none with png16, where nearly every sRGB triple is of one pixel alone")
    if falls(run.means):
        lines.append("falls: what is less than one rate point before, though the method calls this one better")
    return [*lines, *check_lines(run), *timing_notes(run)]


def _skips(run: Run) -> list[str]:
    """What each method skipped of a dataset, with the reason."""
    lines: dict[str, None] = {}
    for place, message in run.messages.items():
        if run.by_place[place].status == "skipped":
            reason = message.removeprefix(f"{place}: ")
            lines[f"skipped: {place.method} on {place.dataset}: {reason}"] = None
    return list(lines)


def _failed_metrics(run: Run) -> list[str]:
    """On how many cells a metric failed, with the first reason."""
    found: dict[str, list[str]] = {}
    for row in run.rows:
        for name, message in row.failed_metrics.items():
            found.setdefault(name, []).append(f"{row.place}: {message}")
    return [f"metric {name} failed on {len(lines)} cells, the first: {lines[0]}" for name, lines in found.items()]


def print_table(run: Run, metrics: Sequence[str]) -> None:
    """Print a run's table: for a terminal with colours, elsewhere as plain text."""
    shown, lines = on_shared_images(run)
    head, body = table_cells(summarise(shown), metrics, costs_of_points(run))
    print_cells(head, body, ceiling_cells(head, summarise_ceilings(shown), metrics), [*notes(run), *lines])
