"""Running the checks: gather evidence, judge it, say what came of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from rawbench.errors import UsageError, suggest
from rawbench.plugins import Catalogue
from rawbench.testing.contract import CHECKS, Check, NotJudged
from rawbench.testing.evidence import Evidence, Limits, gather
from rawbench.testing.golden_files import read_golden
from rawbench.testing.processes import Launcher
from rawbench.testing.subject import subject_of

WITHOUT_SETUP = ("declaration", "rate_points", "runs")
"""Checks that mean something where the method cannot be set up."""

__all__ = ["CheckResult", "check_names", "examine", "judge", "run_checks"]


@dataclass(frozen=True)
class CheckResult:
    """What came of one check.

    Attributes:
        name: of the check.
        status: ``pass``, ``fail``, ``opted out`` or ``not judged``.
        sentence: the promise that holds, the fault that was found, or the reason why there is no judgement.
    """

    name: str
    status: str
    sentence: str


def check_names() -> list[str]:
    """The names of all checks, in the order in which they are told."""
    return list(CHECKS)


def run_checks(
    method: str | type,
    catalogue: Catalogue | None = None,
    device: str = "cpu",
    *,
    only: Collection[str] = (),
    golden: Path | None = None,
    limits: Limits | None = None,
    launcher: Launcher | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[CheckResult]:
    """Hold a method to the contract.

    Args:
        method: ``NAME:option=value`` of a registered method, or a Codec subclass at the top of a module.
        catalogue: the plugins; None loads the installed ones.
        device: ``cpu`` or ``cuda``.
        only: names of checks; all when empty.
        golden: a folder that holds a folder of golden streams for each method.
        limits: of time.
        launcher: one to share between methods; None starts and ends its own.
        progress: told what happens now.

    Raises:
        UsageError: unknown method, option or check, or a device that the method does not declare.
    """
    return examine(method, catalogue, device, only, golden, limits, launcher, progress)[0]


def examine(
    method: str | type,
    catalogue: Catalogue | None = None,
    device: str = "cpu",
    only: Collection[str] = (),
    golden: Path | None = None,
    limits: Limits | None = None,
    launcher: Launcher | None = None,
    progress: Callable[[str], None] | None = None,
) -> tuple[list[CheckResult], Evidence]:
    """Do what ``run_checks`` does, and return the evidence too."""
    for name in only:
        if name not in CHECKS:
            raise UsageError(f"no check {name!r}{suggest(name, CHECKS)}")
    checks = [check for check in CHECKS.values() if not only or check.name in only]
    processes = {process for check in checks for process in check.processes}
    kinds = {kind for check in checks for kind in check.kinds}
    subject = subject_of(method, catalogue)
    kept = {}
    if golden is not None and "golden" in processes:
        kept = read_golden(golden / (subject.name or getattr(method, "name", subject.title)))
    files = {name: (data, srgb) for name, (data, srgb, _) in kept.items()}
    with nullcontext(launcher) if launcher else Launcher() as running:
        evidence = gather(
            subject, device, processes, running, limits or Limits(), files, kinds, progress or (lambda what: None)
        )
    evidence.golden = {name: raw for name, (_, _, raw) in kept.items()}
    for record in evidence.of("encode", "load", usage=True):
        raise UsageError(record["error"].removeprefix("UsageError: "))
    devices = evidence.described["devices"] if evidence.described else [device]
    if device not in devices:
        raise UsageError(f"{subject.title} does not run on {device}; its devices: {', '.join(devices)}")
    return [judge(check, evidence) for check in checks], evidence


def judge(check: Check, evidence: Evidence) -> CheckResult:
    """Apply one check to the evidence."""
    described = evidence.described or {}
    reason = str(described.get("opt_outs", {}).get(check.name, "")).strip()
    if reason and not check.firm:
        return CheckResult(check.name, "opted out", reason)
    try:
        if not described and check.name != "declaration":
            raise NotJudged("the method could not be loaded")
        if evidence.setup_error and check.name not in WITHOUT_SETUP:
            raise NotJudged(evidence.setup_error)
        faults = list(check.faults(evidence))
    except NotJudged as missing:
        return CheckResult(check.name, "not judged", str(missing))
    if not faults:
        return CheckResult(check.name, "pass", check.promise)
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return CheckResult(check.name, "fail", " ".join(f"{faults[0]}{more}".split()))
