"""Tables of a run: one row a method and rate point, images averaged, failures counted and never averaged away."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rawbench.store import Store

Place = tuple[str, str, str]
STANDARD = ("psnr", "ssim")
RATES = ("bytes", "bpp")


@dataclass(frozen=True)
class Line:
    """One row of a table.

    Attributes:
        dataset: its label.
        method: its label.
        rate_point: its name.
        images: how many are averaged.
        failed: how many have no result.
        values: metric -> mean over the images whose value is finite (nan where there is none).
        exact: images whose PSNR is infinite; they are in no mean of PSNR.
    """

    dataset: str
    method: str
    rate_point: str
    images: int
    failed: int
    values: dict[str, float]
    exact: int


def summarise(store: Store, metrics: Sequence[str], camera: str | None = None) -> list[Line]:
    """Average a run's rows over images.

    Args:
        store: the run.
        metrics: which metrics, besides the rates.
        camera: only images of this camera.
    """
    aggregates = {row["metric"]: row["aggregate"] for row in store.table("metrics")}
    cameras = {(row["dataset"], row["image"]): row["camera"] for row in store.table("images")}
    values: dict[Place, dict[str, list[float]]] = {}
    for row in store.rows():
        if camera is None or cameras[row["dataset"], row["image"]] == camera:
            place = (row["dataset"], row["method"], row["rate_point"])
            if row["value"] is not None:
                values.setdefault(place, {}).setdefault(row["metric"], []).append(row["value"])
    failed: dict[Place, int] = {}
    order: dict[Place, tuple[Any, ...]] = {}
    for cell in store.cells():
        if camera is None or cameras[cell["dataset"], cell["image"]] == camera:
            place = (cell["dataset"], cell["method"], cell["rate_point"])
            order[place] = (cell["dataset"], cell["method"], cell["rate_order"])
            failed[place] = failed.get(place, 0) + (cell["status"] != "ok")
    return [
        _line(place, values.get(place, {}), failed[place], metrics, aggregates)
        for place in sorted(order, key=lambda place: order[place])
    ]


def _line(
    place: Place,
    values: dict[str, list[float]],
    failed: int,
    metrics: Sequence[str],
    aggregates: dict[str, str],
) -> Line:
    means = {name: pool(values.get(name, []), aggregates.get(name, "mean")) for name in (*RATES, *metrics)}
    exact = sum(math.isinf(v) for v in values.get("psnr", []))
    dataset, method, rate_point = place
    return Line(dataset, method, rate_point, len(values.get("bpp", [])), failed, means, exact)


def pool(values: Iterable[float], aggregate: str) -> float:
    """The mean of the finite values; for ``mse``, the PSNR of the mean of the squared errors.

    Returns nan for no values, and inf where every image is exact.
    """
    values = list(values)
    if not values:
        return math.nan
    if aggregate == "mse":
        mean = sum(10 ** (-v / 10) for v in values) / len(values)
        return -10 * math.log10(mean) if mean > 0 else math.inf
    finite = [v for v in values if math.isfinite(v)]
    return sum(finite) / len(finite) if finite else math.inf


def table_cells(lines: Sequence[Line], metrics: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Headings and formatted cells, the same for every output."""
    several = len({line.dataset for line in lines}) > 1
    any_failed = any(line.failed for line in lines)
    any_exact = any(line.exact for line in lines)
    head = ["dataset"] * several + ["method", "rate point", "images"]
    head += ["failed"] * any_failed + ["bytes/image", "bpp", *metrics] + ["exact"] * any_exact
    body = []
    for line in lines:
        row = [line.dataset] * several + [line.method, line.rate_point, str(line.images)]
        row += [str(line.failed or "")] * any_failed
        row += [_number("bytes", line.values["bytes"]), _number("bpp", line.values["bpp"])]
        row += [_number(name, line.values[name]) for name in metrics]
        row += [str(line.exact or "")] * any_exact
        body.append(row)
    return head, body


def _number(name: str, value: float) -> str:
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "exact"
    if name == "bytes":
        return f"{value:.0f}"
    if name.startswith("psnr"):
        return f"{value:.2f}"
    return f"{value:.4g}" if name in ("mae", "relative_error") else f"{value:.4f}"


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
    if any(line["status"] == "ok" and line["bpp"] is None for line in store.cells()):
        lines.append("some cells have no rate")
    lines.append("averages are over images; 'exact' counts images without any error, which no mean of PSNR holds")
    return lines


def print_table(store: Store, metrics: Sequence[str], camera: str | None = None) -> None:
    """Print a run's table: for a terminal with colours, elsewhere as plain text."""
    from rich.console import Console
    from rich.table import Table

    head, body = table_cells(summarise(store, metrics, camera), metrics)
    below = notes(store)
    table = Table(box=None, pad_edge=False, header_style="bold")
    text_columns = {"dataset", "method", "rate point"}
    for title in head:
        table.add_column(title, justify="left" if title in text_columns else "right", no_wrap=True)
    previous = None
    method_column = head.index("method")
    for row in body:
        if previous not in (None, row[method_column]):
            table.add_row()
        previous = row[method_column]
        table.add_row(*row)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=200)
    console.print(table, soft_wrap=True)
    for line in below:
        console.print(line, style="dim", soft_wrap=True, markup=False)


def markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A GitHub table."""
    rule = ["---" if title in ("dataset", "method", "rate point") else "---:" for title in head]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *body])


def latex(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A booktabs tabular."""
    columns = "".join("l" if title in ("dataset", "method", "rate point") else "r" for title in head)
    escaped = [[cell.replace("_", r"\_").replace("%", r"\%") for cell in row] for row in [head, *body]]
    lines = [" & ".join(row) + r" \\" for row in escaped]
    return "\n".join(
        [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"]
        + [r"\end{tabular}"]
    )


def as_csv(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Comma-separated values with a heading line."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([head, *body])
    return buffer.getvalue().rstrip("\n")
