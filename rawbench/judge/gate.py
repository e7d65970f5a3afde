"""The gate: what a reference names is run again and held to it, cell by cell and curve by curve.

``compare_cells`` is pure: reference and results in, verdicts out. A cell that is worse than its tolerance is a
regression; one that failed or is not there is something else, and has an exit code of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rawbench.errors import NotComparable, PluginError, RawbenchError, UsageError
from rawbench.judge.reference import SAME, Reference, environment_of
from rawbench.judge.threshold import Threshold, format_number
from rawbench.results.means import Row, curves, group_by_camera
from rawbench.results.measured import ALL_CAMERAS, Results, place_of
from rawbench.results.rd import bd_rate

if TYPE_CHECKING:
    from rawbench.plugins import Catalogue
    from rawbench.run.driver import Progress
    from rawbench.run.plan import Cell, Plan

FINE, REGRESSION, NOT_COMPARABLE, FAILED = 0, 1, 3, 4
# By how bad they are; the exit code is that of the worst.
EXIT_CODES = {
    "failed": FAILED,
    "missing": NOT_COMPARABLE,
    "regressed": REGRESSION,
    "better": FINE,
    "not judged": FINE,
    "fine": FINE,
}
BD_METRIC = "psnr"


@dataclass(frozen=True)
class Verdict:
    """What is said of one cell, or of one curve.

    Attributes:
        method: label of the method.
        place: ``RATE_POINT on DATASET/IMAGE``, or ``on DATASET`` for a curve.
        status: a key of ``EXIT_CODES``.
        findings: a clause for each rate or metric that is worse (or better), each with was, is and allowed; or why
            there is no comparison.
    """

    method: str
    place: str
    status: str
    findings: tuple[str, ...] = ()

    @property
    def sentences(self) -> list[str]:
        """One sentence for each finding."""
        return [f"{self.method} {self.place}: {finding}" for finding in self.findings]


@dataclass(frozen=True)
class Subset:
    """The part of a reference to compare: patterns (``*`` matches anything) for method, rate point, dataset, image."""

    patterns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Subset:
        """Read ``method=poly,residual`` and the like; of one kind any, of all kinds together.

        Raises:
            UsageError: another form.
        """
        patterns: dict[str, tuple[str, ...]] = {}
        for text in texts:
            kind, _, values = text.partition("=")
            if kind not in ("method", "rate_point", "dataset", "image") or not values:
                raise UsageError(f"--subset {text}: the form is method|rate_point|dataset|image=NAME,...")
            patterns[kind] = (*patterns.get(kind, ()), *(v.strip() for v in values.split(",") if v.strip()))
        return cls(patterns)

    def holds(self, method: str, rate_point: str, dataset: str, image: str) -> bool:
        """Whether a cell belongs to it."""
        values = {"method": method, "rate_point": rate_point, "dataset": dataset, "image": image}
        return all(any(fnmatchcase(values[kind], p) for p in wanted) for kind, wanted in self.patterns.items())


def select_cells(reference: Reference, subset: Subset) -> list[Row]:
    """The reference's cells in a subset.

    Raises:
        NotComparable: there are none.
    """
    rows = [row for row in reference.rows() if subset.holds(*place_of(row))]
    if not rows:
        raise NotComparable("nothing to measure: " + ("no cell is in the subset" if reference.cells else "no cells"))
    return rows


def check_comparable(
    reference: Reference, protocol: str, metrics: Mapping[str, int], digests: Mapping[str, str], subset: Subset
) -> None:
    """Refuse numbers that mean something else: another protocol, metric version or image.

    Args:
        reference: to compare with.
        protocol: of the new numbers.
        metrics: version by name.
        digests: of images, by ``DATASET/IMAGE``; images that are not there are missing cells, not another dataset.
        subset: what is compared of it.

    Raises:
        NotComparable: says what differs.
    """
    if reference.protocol != protocol:
        raise NotComparable(f"the reference's protocol is {reference.protocol!r}, this one is {protocol!r}")
    for name, version in reference.metrics.items():
        if metrics.get(name) not in (None, version):
            raise NotComparable(f"metric {name} is version {version} in the reference, {metrics[name]} here")
    for name in dict.fromkeys(f"{row.dataset}/{row.image}" for row in select_cells(reference, subset)):
        digest = reference.images[name]["digest"]
        if digests.get(name, digest) != digest:
            raise NotComparable(f"image {name} has digest {digests[name][:16]}, in the reference {digest[:16]}")


def plan_reference(reference: Reference, catalogue: Catalogue, device: str) -> Plan:
    """The cells that a reference's run has today: those that it lists, and those that came since.

    Raises:
        NotComparable: it names what is not there.
        RawbenchError: a method cannot be loaded.
    """
    from rawbench.run.plan import make_plan

    try:
        return make_plan(reference.config(), catalogue, device)
    except UsageError as error:
        raise NotComparable(f"the reference cannot be run: {error}") from None
    except PluginError as error:
        raise RawbenchError(str(error)) from error


def check_plan(reference: Reference, plan: Plan, catalogue: Catalogue, subset: Subset) -> None:
    """Refuse before anything is run; see ``check_comparable``."""
    versions = {name: catalogue.metrics.load(name).version for name in plan.metrics}
    digests = {f"{cell.dataset.label}/{cell.image.id}": cell.image.source_digest for cell in plan.cells}
    check_comparable(reference, plan.protocol, versions, digests, subset)


def run_reference(
    reference: Reference, plan: Plan, catalogue: Catalogue, folder: Path, progress: Progress, subset: Subset, jobs: int
) -> list[Verdict]:
    """Run a reference's cells and judge them.

    Args:
        reference: what to compare with.
        plan: from ``plan_reference``.
        catalogue: the plugins.
        folder: for streams and rows.
        progress: is told of every cell.
        subset: what to run.
        jobs: worker processes.

    Raises:
        NotComparable: see ``check_comparable``, or there is nothing to measure.
    """
    from rawbench.results.measured import read_results
    from rawbench.run.driver import run_plan

    check_plan(reference, plan, catalogue, subset)
    listed = {place_of(row) for row in select_cells(reference, subset)}
    chosen = replace(plan, cells=tuple(cell for cell in plan.cells if _place(cell) in listed))
    if not chosen.cells:
        raise NotComparable("nothing was measured: no cell of the reference exists any more")
    config = reference.config().model_copy(update={"jobs": jobs})
    run_plan(chosen, config, catalogue, folder, chosen.cells[0].device, progress, "all", "rawbench regress")
    unlisted = [_place(cell) for cell in plan.cells if _place(cell) not in listed and subset.holds(*_place(cell))]
    return compare_cells(reference, read_results(folder), subset, unlisted)


def _place(cell: Cell) -> tuple[str, str, str, str]:
    return cell.method.label, cell.rate_point.name, cell.dataset.label, cell.image.id


def judge_run(reference: Reference, results: Results, subset: Subset) -> list[Verdict]:
    """Judge a run that was made before; methods and images that the reference does not name are left aside.

    Raises:
        NotComparable: see ``check_comparable``.
    """
    versions = {name: metric["version"] for name, metric in results.metrics.items()}
    digests = {f"{d}/{i}": image["source_digest"] for (d, i), image in results.images.items()}
    check_comparable(reference, results.meta["protocol"], versions, digests, subset)
    listed = {place_of(row) for row in reference.rows()}
    columns = {(row.method, row.dataset, row.image) for row in reference.rows()}
    unlisted = [
        place_of(row)
        for row in results.rows
        if place_of(row) not in listed and (row.method, row.dataset, row.image) in columns
    ]
    return compare_cells(reference, results, subset, [place for place in unlisted if subset.holds(*place)])


def compare_cells(
    reference: Reference, results: Results, subset: Subset, unlisted: Sequence[tuple[str, str, str, str]] = ()
) -> list[Verdict]:
    """A verdict for every cell of a reference and for every curve, the worst first.

    Args:
        reference: what was.
        results: what is.
        subset: what to compare.
        unlisted: cells that exist but are not in the reference.
    """
    rows = select_cells(reference, subset)
    found = {place_of(row): row for row in results.rows}
    thresholds = thresholds_for(reference, results)
    verdicts = [
        Verdict(method, f"{point} on {dataset}/{image}", "missing", ("it is not in the reference",))
        for method, point, dataset, image in unlisted
    ]
    for row in rows:
        place = place_of(row)
        verdicts.append(_compare_cell(row, found.get(place), thresholds, results.messages.get(place, "")))
    verdicts += _compare_curves(rows, found, thresholds, results.rules)
    order = list(EXIT_CODES)
    return sorted(verdicts, key=lambda verdict: order.index(verdict.status))


def thresholds_for(reference: Reference, results: Results) -> dict[str, Threshold]:
    """The tolerances that apply: those for the same environment, where every cell was measured in such a one."""
    here = {environment_of(environment)["digest"] for environment in results.environments}
    same = here == {reference.environment["digest"]}
    found = {name: text for name, text in reference.tolerances.items() if not name.endswith(SAME)}
    if same:
        found |= {n.removesuffix(SAME): text for n, text in reference.tolerances.items() if n.endswith(SAME)}
    return {name: Threshold.parse(text) for name, text in found.items()}


def _compare_cell(was: Row, now: Row | None, thresholds: Mapping[str, Threshold], message: str) -> Verdict:
    place = f"{was.rate_point} on {was.dataset}/{was.image}"
    if now is None:
        return Verdict(was.method, place, "missing", ("it was not measured",))
    if now.status != "ok":
        cause = message.partition(f"{was.image}: ")[2] or message
        return Verdict(was.method, place, "failed", (f"{now.status}: {cause}",))
    worse, better, absent = [], [], []
    for name in was.values:
        if name not in thresholds:
            continue
        before, after = was.values[name], now.values.get(name)
        if name not in now.values:
            absent.append(f"{name} was not measured")
        elif before is None or after is None:
            if before is not None:
                worse.append(
                    f"{name} was {format_number(before)}, is not defined now, allowed is {thresholds[name].text}"
                )
        elif sentence := thresholds[name].fails(before, after):
            worse.append(f"{name} {sentence}")
        elif sentence := thresholds[name].beats(before, after):
            better.append(f"{name} {sentence}")
    for status, findings in (("missing", absent), ("regressed", worse), ("better", better)):
        if findings:
            return Verdict(was.method, place, status, tuple(findings))
    return Verdict(was.method, place, "fine")


def _compare_curves(
    rows: list[Row], found: Mapping[Any, Row], thresholds: Mapping[str, Threshold], rules: Mapping[str, Any]
) -> list[Verdict]:
    """BD-rate of each method against its own reference, over the mean of the images that are compared."""
    if "bd_rate" not in thresholds or not any(BD_METRIC in row.values for row in rows):
        return []
    places: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        places[row.dataset, row.rendition, row.method].append(row)
    return [
        _compare_curve(was, [found[place_of(r)] for r in was if place_of(r) in found], thresholds["bd_rate"], rules)
        for was in places.values()
    ]


def _compare_curve(was: list[Row], now: list[Row], threshold: Threshold, rules: Mapping[str, Any]) -> Verdict:
    method, place = was[0].method, f"on {was[0].dataset}"
    if len(now) < len(was) or any(row.status != "ok" for row in now):
        return Verdict(method, place, "not judged", ("no BD-rate, as cells failed or are missing",))
    before, after = _mean_curve(was, rules), _mean_curve(now, rules)
    if (itself := bd_rate(before, before)).value is None:
        return Verdict(method, place, "not judged", (f"no BD-rate: {itself.reason.replace('anchor', 'reference')}",))
    delta = bd_rate(before, after)
    allowed = f"allowed is +{threshold.amount:g} %"
    if delta.value is None:
        return Verdict(method, place, "regressed", (f"BD-rate was 0 %, is no number now ({delta.reason}), {allowed}",))
    said = f"BD-rate of {BD_METRIC} was 0 %, is {delta.value:+.2f} %"
    if delta.value > threshold.amount:
        return Verdict(method, place, "regressed", (f"{said}, {allowed}",))
    if delta.value < -threshold.amount:
        return Verdict(method, place, "better", (said,))
    return Verdict(method, place, "fine")


def _mean_curve(rows: list[Row], rules: Mapping[str, Any]) -> list[Any]:
    groups = group_by_camera([replace(row, camera=ALL_CAMERAS) for row in rows], rules)
    return next(iter(curves(groups, BD_METRIC).values()))


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """That of the worst verdict."""
    return max((EXIT_CODES[verdict.status] for verdict in verdicts), default=NOT_COMPARABLE)


def report_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """What the command prints: a line for each finding, the worst first, then the counts."""
    lines = [f"{v.status}: {sentence}" for v in verdicts for sentence in v.sentences]
    counts = Counter(v.status for v in verdicts)
    return [*lines, f"{len(verdicts)} verdicts: " + ", ".join(f"{counts[s]} {s}" for s in EXIT_CODES if counts[s])]


def update_advice(verdicts: Iterable[Verdict], path: Path) -> str:
    """What to do about cells that became better; empty where there are none."""
    better = sum(v.status == "better" for v in verdicts)
    return f"{better} better than the reference; keep that with: rawbench reference update {path}" if better else ""
