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
from typing import TYPE_CHECKING

from rawbench.errors import NotComparable, PluginError, RawbenchError, UsageError
from rawbench.judge.compare import mean_curve
from rawbench.judge.reference import BD_METRIC, Reference
from rawbench.judge.threshold import Threshold, format_number
from rawbench.results.facts import Rule
from rawbench.results.means import Row
from rawbench.results.rd import bd_rate
from rawbench.results.run import Run, read_run
from rawbench.types import Place

if TYPE_CHECKING:
    from rawbench.plugins import Catalogue
    from rawbench.run.driver import Progress
    from rawbench.run.plan import Plan

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


@dataclass(frozen=True)
class Verdict:
    """What is said of one cell, or of one curve.

    Attributes:
        method: label of the method.
        place: ``RATE_POINT on DATASET/IMAGE``, or ``on DATASET`` for a curve.
        status: a key of ``EXIT_CODES``.
        findings: a clause for each rate or metric that is worse (or better), each with was, is and allowed; or why
            there is no comparison.
        excess: by how many times what is allowed the worst of it is worse.
    """

    method: str
    place: str
    status: str
    findings: tuple[str, ...] = ()
    excess: float = 0.0

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

    def holds(self, place: Place) -> bool:
        """Whether a cell belongs to it."""
        return all(any(fnmatchcase(getattr(place, kind), p) for p in wanted) for kind, wanted in self.patterns.items())


def select_cells(reference: Reference, subset: Subset) -> list[Row]:
    """The reference's cells in a subset.

    Raises:
        NotComparable: there are none.
    """
    rows = [row for row in reference.run.rows if subset.holds(row.place)]
    if not rows:
        raise NotComparable("nothing to measure: " + ("no cell is in the subset" if reference.run.rows else "no cells"))
    return rows


def check_comparable(
    reference: Reference,
    protocol: str,
    metrics: Mapping[str, int],
    digests: Mapping[tuple[str, str], str],
    subset: Subset,
) -> None:
    """Refuse a reference that judges nothing, and numbers that mean something else than its own.

    Args:
        reference: to compare with.
        protocol: of the new numbers.
        metrics: version by name.
        digests: of images, by (dataset, image); images that are not there are missing cells, not another dataset.
        subset: what is compared of it.

    Raises:
        NotComparable: says what differs.
    """
    if lacking := reference.lacking():
        raise NotComparable(f"nothing to measure: the reference has {lacking}")
    own = reference.run
    if own.meta.protocol != protocol:
        raise NotComparable(f"the reference's protocol is {own.meta.protocol!r}, this one is {protocol!r}")
    for name, version in reference.versions.items():
        if metrics.get(name) not in (None, version):
            raise NotComparable(f"metric {name} is version {version} in the reference, {metrics[name]} here")
    for key in dict.fromkeys((row.dataset, row.image) for row in select_cells(reference, subset)):
        digest = own.images[key].source_digest
        if digests.get(key, digest) != digest:
            name = "/".join(key)
            raise NotComparable(f"image {name} has digest {digests[key][:16]}, in the reference {digest[:16]}")


def plan_reference(reference: Reference, catalogue: Catalogue, device: str) -> Plan:
    """The cells that a reference's run has today: those that it lists, and those that came since.

    Raises:
        NotComparable: it names what is not there.
        RawbenchError: a method cannot be loaded.
    """
    from rawbench.run.plan import make_plan

    try:
        return make_plan(reference.run_config(), catalogue, device)
    except UsageError as error:
        raise NotComparable(f"the reference cannot be run: {error}") from None
    except PluginError as error:
        raise RawbenchError(str(error)) from error


def check_plan(reference: Reference, plan: Plan, catalogue: Catalogue, subset: Subset) -> None:
    """Refuse before anything is run; see ``check_comparable``."""
    versions = {name: catalogue.metrics.load(name).version for name in plan.metrics}
    digests = {(cell.dataset.label, cell.image.id): cell.image.source_digest for cell in plan.cells}
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
    from rawbench.run.driver import run_plan

    check_plan(reference, plan, catalogue, subset)
    listed = {row.place for row in select_cells(reference, subset)}
    chosen = replace(plan, cells=tuple(cell for cell in plan.cells if cell.place in listed))
    if not chosen.cells:
        raise NotComparable("nothing was measured: no cell of the reference exists any more")
    config = reference.run_config().model_copy(update={"jobs": jobs})
    run_plan(chosen, config, catalogue, folder, chosen.cells[0].device, progress, "all", "rawbench regress")
    unlisted = [cell.place for cell in plan.cells if cell.place not in listed and subset.holds(cell.place)]
    return compare_cells(reference, read_run(folder), subset, unlisted)


def judge_run(reference: Reference, results: Run, subset: Subset) -> list[Verdict]:
    """Judge a run that was made before; methods and images that the reference does not name are left aside.

    Raises:
        NotComparable: see ``check_comparable``.
    """
    versions = {name: metric.version for name, metric in results.metrics.items()}
    digests = {key: image.source_digest for key, image in results.images.items()}
    check_comparable(reference, results.meta.protocol, versions, digests, subset)
    columns = {(row.method, row.dataset, row.image) for row in reference.run.rows}
    unlisted = [
        row.place
        for row in results.rows
        if row.place not in reference.run.by_place and (row.method, row.dataset, row.image) in columns
    ]
    return compare_cells(reference, results, subset, [place for place in unlisted if subset.holds(place)])


def compare_cells(reference: Reference, results: Run, subset: Subset, unlisted: Sequence[Place] = ()) -> list[Verdict]:
    """A verdict for every cell of a reference and for every curve, the worst first.

    Args:
        reference: what was.
        results: what is.
        subset: what to compare.
        unlisted: cells that exist but are not in the reference.
    """
    rows = select_cells(reference, subset)
    thresholds = reference.thresholds(results.environments)
    verdicts = [Verdict(place.method, _where(place), "missing", ("it is not in the reference",)) for place in unlisted]
    names = ("bytes", *reference.run.metrics)
    verdicts += [_compare_cell(row, results.by_place.get(row.place), names, thresholds) for row in rows]
    verdicts += _compare_curves(rows, results.by_place, thresholds, results.rules)
    order = list(EXIT_CODES)
    return sorted(verdicts, key=lambda verdict: (order.index(verdict.status), -verdict.excess))


def _where(place: Place) -> str:
    return str(place).removeprefix(f"{place.method} ")


def _compare_cell(was: Row, now: Row | None, names: Sequence[str], thresholds: Mapping[str, Threshold]) -> Verdict:
    """Judge a cell by bytes and by every metric of the reference: what either has not is missing, and said."""
    place = _where(was.place)
    if now is None:
        return Verdict(was.method, place, "missing", ("it was not measured",))
    if now.status != "ok":
        cause = now.message.partition(f"{was.image}: ")[2] or now.message
        return Verdict(was.method, place, "failed", (f"{now.status}: {cause}",))
    found: dict[str, list[str]] = {"missing": [], "regressed": [], "better": [], "fine": []}
    for name in names:
        status, sentence = _compare_value(name, was, now, thresholds[name])
        found.setdefault(status, []).append(sentence)
    if len(found["fine"]) + len(found["regressed"]) + len(found["better"]) < min(2, len(names)):
        found["missing"].append("nothing of its quality can be compared")
    status = next(status for status, sentences in found.items() if sentences)
    excess = max(thresholds[name].excess(was.value(name), now.value(name)) for name in names)
    return Verdict(was.method, place, status, tuple(s for s in found[status] if s), excess)


def _compare_value(name: str, was: Row, now: Row, threshold: Threshold) -> tuple[str, str]:
    """What is said of one rate or metric of a cell; ``undefined`` where it is in both."""
    before, after = was.values.get(name), now.values.get(name)
    if name not in was.values:
        return "missing", f"the reference has no {name} of it"
    if name not in now.values:
        return "missing", f"{name} was not measured"
    if before is None:
        return ("undefined", "") if after is None else ("missing", f"the reference has no value of {name} for it")
    if after is None:
        return "regressed", f"{name} was {format_number(before)}, is not defined now, allowed is {threshold.text}"
    if sentence := threshold.fails(before, after):
        return "regressed", f"{name} {sentence}"
    if sentence := threshold.beats(before, after):
        return "better", f"{name} {sentence}"
    return "fine", ""


def _compare_curves(
    rows: list[Row], found: Mapping[Place, Row], thresholds: Mapping[str, Threshold], rules: Mapping[str, Rule]
) -> list[Verdict]:
    """BD-rate of each method against its own reference, over the mean of the images that are compared."""
    if "bd_rate" not in thresholds or not any(BD_METRIC in row.values for row in rows):
        return []
    places: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        places[row.dataset, row.rendition, row.method].append(row)
    return [
        _compare_curve(was, [found[row.place] for row in was if row.place in found], thresholds["bd_rate"], rules)
        for was in places.values()
    ]


def _compare_curve(was: list[Row], now: list[Row], threshold: Threshold, rules: Mapping[str, Rule]) -> Verdict:
    method, place = was[0].method, f"on {was[0].dataset}"
    if len(now) < len(was) or any(row.status != "ok" for row in now):
        return Verdict(method, place, "not judged", ("no BD-rate, as cells failed or are missing",))
    before, after = (mean_curve(rows, BD_METRIC, rules) for rows in (was, now))
    if (itself := bd_rate(before, before)).value is None:
        return Verdict(method, place, "not judged", (f"no BD-rate: {itself.reason.replace('anchor', 'reference')}",))
    delta = bd_rate(before, after)
    allowed = f"allowed is +{threshold.amount:g} %"
    if delta.value is None:
        return Verdict(method, place, "regressed", (f"BD-rate was 0 %, is no number now ({delta.reason}), {allowed}",))
    said = f"BD-rate of {BD_METRIC} was 0 %, is {delta.value:+.2f} %"
    if delta.value > threshold.amount:
        excess = (delta.value - threshold.amount) / (threshold.amount or 1.0)
        return Verdict(method, place, "regressed", (f"{said}, {allowed}",), excess)
    if delta.value < -threshold.amount:
        return Verdict(method, place, "better", (said,))
    return Verdict(method, place, "fine")


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """That of the worst verdict; where nothing was judged, that of what cannot be compared."""
    if all(verdict.status == "not judged" for verdict in verdicts):
        return NOT_COMPARABLE
    return max(EXIT_CODES[verdict.status] for verdict in verdicts)


def report_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """What the command prints: a line for each finding, the worst first, then the counts."""
    lines = [f"{v.status}: {sentence}" for v in verdicts for sentence in v.sentences]
    counts = Counter(v.status for v in verdicts)
    return [*lines, f"{len(verdicts)} verdicts: " + ", ".join(f"{counts[s]} {s}" for s in EXIT_CODES if counts[s])]


def markdown_summary(verdicts: Sequence[Verdict], name: str, most: int = 50) -> str:
    """The verdicts for a pull request or a job's summary: the counts, then what is not fine, the worst first.

    Args:
        verdicts: from ``compare_cells``.
        name: of the reference.
        most: rows to show; what is left out is counted.
    """
    from rawbench.tables.text import markdown, markdown_text

    *_, counts = report_lines(verdicts)
    lines = [(v.status, v.method, v.place, finding) for v in verdicts for finding in v.findings]
    parts = [f"### rawbench regress: {markdown_text(name)}", f"{counts}."]
    if lines:
        parts.append(markdown(["verdict", "method", "where", "finding"], lines[:most]))
    if len(lines) > most:
        parts.append(f"and {len(lines) - most} more findings, in the job's log")
    return "\n\n".join(parts)


def update_advice(verdicts: Iterable[Verdict], path: Path) -> str:
    """What to do about cells that became better; empty where there are none."""
    better = sum(v.status == "better" for v in verdicts)
    return f"{better} better than the reference; keep that with: rawbench reference update {path}" if better else ""
