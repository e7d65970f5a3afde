"""The leaderboard: what the committed runs say, one row a method.

Only measured numbers: the PSNR within a budget is that of a rate point that was measured and whose mean rate is within
it; nothing is interpolated but the BD-rate, which has its guard. Runs on other images never share a table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from rawbench.errors import UsageError, suggest
from rawbench.keys import digest_json
from rawbench.results.comparable import check_word, falling_lines, untrained_lines
from rawbench.results.costs import cost_text, costs_of, timing_notes
from rawbench.results.facts import Environment, ImageFacts
from rawbench.results.means import CEILED, Group, curves
from rawbench.results.rd import Point, bd_rate, sort_curve
from rawbench.results.run import Run, read_run

BUDGETS = (0.01, 0.1, 1.0)
METRIC = "psnr"
START, END = "<!-- results -->", "<!-- /results -->"
SPEEDS = ("encode MP/s", "decode MP/s", "decode kMAC/px", "parameters")


@dataclass(frozen=True)
class Standing:
    """One method of one run on one dataset."""

    method: str
    run: Run
    groups: tuple[Group, ...]

    @cached_property
    def full(self) -> list[Group]:
        """The rate points that were measured on every image, without failures."""
        return [group for group in self.run.full_means if (group.dataset, group.method) == self.place]

    @cached_property
    def curve(self) -> list[Point]:
        """(bpp, PSNR) of those."""
        return next(iter(curves(self.full, METRIC).values()), [])

    @property
    def place(self) -> tuple[str, str]:
        return self.groups[0].dataset, self.method

    @property
    def partial(self) -> int:
        """Rate points that are on no curve: not measured on every image, or failed on one."""
        return len(self.groups) - len(self.full)

    @property
    def failed(self) -> int:
        return sum(group.failed for group in self.groups)


@dataclass(frozen=True)
class Board:
    """The methods that were measured on the same images.

    Attributes:
        dataset: label of the dataset.
        digest: of its images' pixels.
        entries: the best at the greatest budget first.
    """

    dataset: str
    digest: str
    entries: tuple[Standing, ...]

    @property
    def images(self) -> dict[str, ImageFacts]:
        """The images, from any run: they are the same in all."""
        run = self.entries[0].run
        return {image: facts for (dataset, image), facts in run.images.items() if dataset == self.dataset}


def read_runs(folder: Path) -> list[Run]:
    """The committed runs, by name.

    Raises:
        UsageError: there is no such folder, or a file in it is no run.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder} with committed runs")
    return [read_run(path) for path in sorted(folder.glob("*.json"))]


def make_boards(runs: Sequence[Run]) -> list[Board]:
    """Group the methods of all runs by the images that they were measured on."""
    found: dict[tuple[str, str], list[Standing]] = {}
    for run in runs:
        for dataset in run.datasets:
            groups = [group for group in run.means if group.dataset == dataset]
            for method in dict.fromkeys(group.method for group in groups):
                mine = tuple(group for group in groups if group.method == method)
                found.setdefault((dataset, _digest(run, dataset)), []).append(Standing(method, run, mine))
    return [Board(dataset, digest, tuple(_ranked(found[dataset, digest]))) for dataset, digest in sorted(found)]


def _digest(run: Run, dataset: str) -> str:
    digests = {image: facts.source_digest for (place, image), facts in run.images.items() if place == dataset}
    return digest_json(digests)[:12]


def _ranked(entries: Sequence[Standing]) -> list[Standing]:
    """By the PSNR within the greatest budget, then within the smaller ones."""

    def key(entry: Standing) -> tuple:
        points = [best_within(entry.curve, budget) for budget in (*reversed(BUDGETS), math.inf)]
        return (*(-point.quality if point else math.inf for point in points), entry.method, entry.run.name)

    return sorted(entries, key=key)


def best_within(curve: Sequence[Point], budget: float) -> Point | None:
    """The best measured point that costs at most this many bits per pixel."""
    affordable = [point for point in curve if point.rate <= budget and not math.isnan(point.quality)]
    return max(affordable, key=lambda point: (point.quality, -point.rate), default=None)


def choose_anchor(entries: Sequence[Standing]) -> Standing:
    """The method whose BD-rates say the most: over much of the other curves, and not all near -100 % or far above.

    The last of the ranking is none, where there are others with a curve: everything is better than the worst.
    """
    able = [entry for entry in entries if bd_rate(entry.curve, entry.curve).value is not None] or list(entries)
    candidates = able[:-1] if len(able) > 2 else able
    return max(candidates, key=lambda anchor: sum(told_by(anchor, other) for other in entries if other is not anchor))


def told_by(anchor: Standing, test: Standing) -> float:
    """How much a BD-rate says, 0 to 1: its share of the curve, the less the more the rates are apart."""
    delta = bd_rate(anchor.curve, test.curve)
    if delta.value is None or delta.value <= -100:
        return 0.0
    return covered(anchor, test) / (1 + abs(math.log(1 + delta.value / 100)))


def find_anchor(entries: Sequence[Standing], wanted: str | None) -> Standing:
    """The method of this name, or the one that ``choose_anchor`` takes where there is none."""
    return next((entry for entry in entries if entry.method == wanted), None) or choose_anchor(entries)


def check_anchor(boards: Sequence[Board], wanted: str | None) -> None:
    """Refuse an anchor that no board has.

    Raises:
        UsageError: says which there are.
    """
    names = list(dict.fromkeys(entry.method for board in boards for entry in board.entries))
    if wanted is not None and wanted not in names:
        raise UsageError(f"no method {wanted!r} to be the anchor{suggest(wanted, names)}")


def covered(anchor: Standing, test: Standing) -> float:
    """The share of a curve's range of quality that its BD-rate is over; 0 where there is none."""
    delta = bd_rate(anchor.curve, test.curve)
    if delta.overlap is None:
        return 0.0
    finite = [point.quality for point in sort_curve(test.curve)]
    return (delta.overlap[1] - delta.overlap[0]) / (max(finite) - min(finite))


@dataclass(frozen=True)
class AgainstAnchor:
    """BD-rates of a board's methods against one of them.

    Attributes:
        heading: of the column.
        cells: one for each entry of the board.
        lines: what the BD-rates rest on, or why there is none.
    """

    heading: str
    cells: tuple[str, ...]
    lines: tuple[str, ...]


def titles_of(board: Board) -> list[str]:
    """What the entries are called: their methods, with the run where a method stands twice."""
    names = [entry.method for entry in board.entries]
    return [f"{e.method} ({e.run.name})" if names.count(e.method) > 1 else e.method for e in board.entries]


def against_anchor(board: Board, anchor: Standing) -> AgainstAnchor:
    """The BD-rates of a board against one of its entries."""
    cells, overlaps = [], []
    lacking: dict[str, list[str]] = {}
    for title, entry in zip(titles_of(board), board.entries, strict=True):
        delta = bd_rate(anchor.curve, entry.curve)
        cells.append("anchor" if entry is anchor else "none" if delta.value is None else _percent(delta.value))
        if entry is anchor:
            continue
        if delta.value is None:
            lacking.setdefault(delta.reason, []).append(title)
        else:
            overlaps.append(f"{title} {100 * covered(anchor, entry):.0f} % ({delta.test_points} points)")
    lines = [f"no BD-rate of {', '.join(titles)}: {reason}" for reason, titles in lacking.items()]
    if overlaps:
        lines.append(f"BD-rates are over a part of each method's PSNRs: {', '.join(overlaps)}")
    return AgainstAnchor(f"BD-rate to {anchor.method}", tuple(cells), tuple(lines))


def board_table(board: Board, wanted: str | None = None) -> tuple[list[str], list[list[str]], list[str]]:
    """Headings, cells, and what the BD-rates rest on or why there is none.

    Args:
        board: from ``make_boards``.
        wanted: method to be the anchor of BD-rates, where the board has it.
    """
    rates = against_anchor(board, find_anchor(board.entries, wanted))
    costs = [costs_of(entry.run, entry.method) for entry in board.entries]
    speeds = [title for title in SPEEDS if any(title in cost for cost in costs)]
    head = ["method", "bpp", *(f"PSNR up to {budget:g} bpp" for budget in BUDGETS), "best PSNR"]
    head += [rates.heading, *speeds, "check"]
    failures = any(entry.failed for entry in board.entries)
    body, lacking = [], []
    for title, entry, cost, rate in zip(titles_of(board), board.entries, costs, rates.cells, strict=True):
        row = [title, _range(entry.curve), *(_point_text(best_within(entry.curve, b)) for b in BUDGETS)]
        row += [_point_text(best_within(entry.curve, math.inf), with_rate=True), rate]
        row += [cost_text(name, cost.get(name)) for name in speeds] + [check_word(entry.run, entry.method)]
        body.append([*row, str(entry.failed or "")] if failures else row)
        if entry.partial:
            lacking.append(f"{title}: {entry.partial} of {len(entry.groups)} rate points lack images and are left out")
    return [*head, "failed"] if failures else head, body, [*lacking, *rates.lines]


def best_cells(head: Sequence[str], body: Sequence[Sequence[str]]) -> set[tuple[int, int]]:
    """(row, column) of the best figure of each column that has one: the highest PSNR and speed, the lowest BD-rate."""
    best = set()
    for column, title in enumerate(head):
        sign = -1 if title.startswith("BD-rate") else 1 if "PSNR" in title or title.endswith("MP/s") else 0
        found = [(sign * value, row) for row, cells in enumerate(body) if (value := _figure(cells[column])) is not None]
        if sign and found:
            top = max(found)[0]
            best |= {(row, column) for value, row in found if value == top}
    return best


def _figure(cell: str) -> float | None:
    """The number that a cell begins with; infinity for an exact one, 0 for the anchor's own BD-rate."""
    known = {"exact": math.inf, "anchor": 0.0}
    words = cell.removeprefix("> ").replace(",", "").split()
    if not words:
        return None
    try:
        return known[words[0]] if words[0] in known else float(words[0])
    except ValueError:
        return None


def _percent(value: float) -> str:
    return f"{value:+.2f} %" if abs(value) < 100 else f"{value:+,.0f} %"


def _range(curve: Sequence[Point]) -> str:
    rates = sorted({f"{point.rate:.3g}": point.rate for point in curve}.items(), key=lambda item: item[1])
    return "-" if not rates else rates[0][0] if len(rates) == 1 else f"{rates[0][0]} to {rates[-1][0]}"


def _point_text(point: Point | None, with_rate: bool = False) -> str:
    if point is None:
        return "-"
    quality = "exact" if math.isinf(point.quality) else f"{point.quality:.2f}"
    return f"{quality} at {point.rate:.3g}" if with_rate else quality


def board_notes(board: Board) -> list[str]:
    """What must be known of a board: images, protocol, where it was measured, and from which files."""
    images = board.images
    simulated = sum(facts.simulated for facts in images.values())
    runs = {entry.run.name: entry.run for entry in board.entries}
    seen = f"mean over {len(images)} images, {simulated} of a simulated camera"
    lines = [
        f"PSNR in dB of linear raw; {seen}; images {board.digest}",
        "PSNR up to a budget: the best measured rate point whose mean bpp is within it",
        *_ceiling_lines(board),
        *sorted({run.meta.protocol for run in runs.values()}),
    ]
    for name, run in sorted(runs.items()):
        lines += [f"{name}: {_environment_text(environment)}" for environment in run.environments]
        lines += [f"{name}: {line}" for line in timing_notes(run)]
    for entry in board.entries:
        lines += untrained_lines(entry.run, [entry.method])
        lines += falling_lines(replace(group, camera="") for group in entry.full)
    return lines


def _ceiling_lines(board: Board) -> list[str]:
    """The images' mean ceiling, where any run has it for every image."""
    for run in {entry.run.name: entry.run for entry in board.entries}.values():
        for group in run.ceilings:
            if group.dataset == board.dataset and group.images == len(board.images):
                found = _point_text(Point(math.nan, group.means[METRIC].value))
                return [f"{CEILED}, the best that a mapping of the sRGB alone can give: {found} dB"]
    return []


def _environment_text(environment: Environment) -> str:
    return f"rawbench {environment.rawbench}, {environment.machine}, torch {environment.libraries.get('torch', '?')}"


def markdown_boards(boards: Sequence[Board], picture: str | None = None, anchor: str | None = None) -> str:
    """All boards as Markdown; empty without any.

    Args:
        boards: from ``make_boards``.
        picture: address of the rate-distortion chart to show above them.
        anchor: method to be the anchor of BD-rates.
    """
    from rawbench.tables.text import markdown, markdown_text

    parts = [f"![Rate-distortion curves]({picture})"] if picture and boards else []
    for board in boards:
        head, body, reasons = board_table(board, anchor)
        below = [*reasons, *board_notes(board)]
        notes = "\n".join(f"<sub>{markdown_text(line)}</sub><br>" for line in below)
        parts += [f"**{markdown_text(board.dataset)}**", markdown(head, body), notes]
    return "\n\n".join(parts)


def replace_between_markers(text: str, table: str, name: str = "README.md") -> str:
    """Put a table between the markers of a text.

    Raises:
        UsageError: the markers are not there, or not once.
    """
    if text.count(START) != 1 or text.count(END) != 1 or text.index(START) > text.index(END):
        raise UsageError(f"{name} must hold {START} and {END} once, in this order")
    before, rest = text.split(START)
    _, after = rest.split(END)
    return f"{before}{START}\n{table}\n{END}{after}" if table else f"{before}{START}\n{END}{after}"


def readme_with_results(readme: Path, folder: Path, anchor: str | None = None) -> str:
    """The README's text with today's table between its markers.

    Args:
        readme: the file; the chart ``rd.svg`` beside ``folder`` is shown, if there is one.
        folder: of the committed runs.
        anchor: method to be the anchor of BD-rates.

    Raises:
        UsageError: no markers, no such file or folder.
    """
    try:
        text = readme.read_text()
    except OSError as error:
        raise UsageError(f"cannot read {readme}: {error.strerror}") from None
    chart = folder.parent / "rd.svg"
    root = readme.resolve().parent
    inside = chart.is_file() and chart.resolve().is_relative_to(root)
    picture = chart.resolve().relative_to(root).as_posix() if inside else None
    table = markdown_boards(make_boards(read_runs(folder)), picture, anchor)
    return replace_between_markers(text, table, str(readme))
