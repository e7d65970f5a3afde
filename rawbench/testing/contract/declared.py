"""What the method declares."""

from __future__ import annotations

from collections.abc import Iterator

from rawbench.errors import suggest
from rawbench.testing.contract.check import CHECKS, NotJudged, check
from rawbench.testing.contract.reading import MOST_TOLERANCE, described, differs
from rawbench.testing.evidence import Evidence


@check("declaration", "name, format version, tolerance and opt-outs are in order", firm=True)
def declaration(evidence: Evidence) -> Iterator[str]:
    said = evidence.described
    if said is None:
        broken = next((r for r in evidence.of("encode") if "error" in r), {"error": "no answer"})
        yield f"the method cannot be loaded or described: {broken['error']}"
        return
    version, tolerance = said["format_version"], said["tolerance"]
    if not isinstance(version, int) or not 1 <= version <= 15:
        yield f"format_version is {version!r}, not a number from 1 to 15"
    if not isinstance(tolerance, int | float) or not 0 <= tolerance <= MOST_TOLERANCE:
        yield f"decode_tolerance is {tolerance!r}, not a number from 0 to {MOST_TOLERANCE:g}"
    if said["srgb_bits"] not in ([8], [8, 16]):
        yield f"srgb_bits is {tuple(said['srgb_bits'])}, not (8,) or (8, 16)"
    for name, reason in said["opt_outs"].items():
        if name not in CHECKS:
            yield f"it opts out of {name!r}, and there is no such check{suggest(name, CHECKS)}"
        elif CHECKS[name].firm:
            yield f"it opts out of {name!r}, which nobody can"
        elif not str(reason).strip():
            yield f"it opts out of {name!r} without a reason"


@check("options", "options refuse unknown names, and survive JSON with the same stream")
def options(evidence: Evidence) -> Iterator[str]:
    if not described(evidence)["refuses_unknown_options"]:
        yield "its options accept a name that does not exist: derive them from rawbench.Options"
    for record in evidence.of("encode", "options"):
        if "error" in record:
            yield f"its options do not survive JSON: {record['error']}"
        elif not record["equal"]:
            yield f"its options are others after a way through JSON: {record['json']}"
        elif differs(evidence, record):
            yield "options that went through JSON give another stream"


@check("rate_points", "rate points have indices and names of their own, and stay the same")
def rate_points(evidence: Evidence) -> Iterator[str]:
    points = described(evidence)["points"]
    if not points:
        yield "it has no rate points"
    for what, values in (("index", [p[0] for p in points]), ("name", [p[1] for p in points])):
        twice = sorted({str(value) for value in values if values.count(value) > 1})
        if twice:
            yield f"several rate points have the {what} {', '.join(twice)}"
    if not all(str(name).strip() for _, name in points):
        yield "a rate point has an empty name"
    again = evidence.one("encode", "describe_again")
    if again and again["points"] != points:
        yield f"there are other rate points after encoding: {len(again['points'])}, and {len(points)} before"


@check(
    "rate_order",
    "each rate point takes more bytes than the one before it (mean of the natural images)",
    kinds=("natural",),
)
def rate_order(evidence: Evidence) -> Iterator[str]:
    natural = evidence.images_of("natural")
    means: list[tuple[str, float]] = []
    for index, name in described(evidence)["points"]:
        found = [evidence.one("encode", "encode", image=image, point=index) for image in natural]
        sizes = [record["bytes"] for record in found if record]
        if len(sizes) < len(natural):
            raise NotJudged(f"not every natural image was encoded at rate point {name}")
        means.append((name, sum(sizes) / len(sizes)))
    for (name, mean), (next_name, next_mean) in zip(means, means[1:], strict=False):
        if next_mean <= mean:
            yield (
                f"rate point {next_name} takes {next_mean:.1f} bytes, no more than {name} before it ({mean:.1f}): "
                "order them from the fewest bytes to the most"
            )
