"""From the results of all checks to the outcome that is kept of a method (``rawbench.results.checked``)."""

from __future__ import annotations

from collections.abc import Sequence

from rawbench import __version__
from rawbench.plugins import Catalogue
from rawbench.results.checked import Checked, checked_key
from rawbench.run.plan import method_spec
from rawbench.testing.checks import CheckResult
from rawbench.testing.evidence import Evidence


def outcome_of(
    method: str, catalogue: Catalogue, results: Sequence[CheckResult], evidence: Evidence
) -> tuple[str, Checked] | None:
    """The key and the outcome of a method; None where not even its code could be found.

    Args:
        method: ``NAME:option=value``.
        catalogue: the plugins, as they were when it was checked.
        results: of all checks.
        evidence: on which they stand.
    """
    if evidence.described is None:
        return None
    spec = method_spec(method, catalogue)
    outcome = Checked(
        method=spec.label,
        device=evidence.device,
        failed=tuple(result.name for result in results if result.status == "fail"),
        opted_out={result.name: result.sentence for result in results if result.status == "opted out"},
        decode_tolerance=float(evidence.described["tolerance"]),
        rawbench=__version__,
    )
    return checked_key(spec.name, spec.options, spec.code_digest, spec.identity), outcome
