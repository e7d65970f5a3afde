"""What a method costs: speed by its timing pass, size and work by its own word."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from rawbench.results import Results, Timing

# Column titles and what they are taken from; a run without any of it has no such columns.
COSTS = {
    "encode s": "encode",
    "decode s": "decode",
    "encode MP/s": "encode",
    "decode MP/s": "decode",
    "encode kMAC/px": "encode_kmac_per_pixel",
    "decode kMAC/px": "decode_kmac_per_pixel",
    "parameters": "parameters",
}


def costs_of(results: Results, method: str, rate_point: str | None = None) -> dict[str, float]:
    """Costs of a method, by the titles of ``COSTS``; what is not known is left out.

    Args:
        results: the run.
        method: label of the method.
        rate_point: only of this one; None takes the median over all that were timed.

    Returns:
        Seconds and MP/s are medians over the timed images of their medians over repeats.
    """
    timed = [t for t in results.timings if t.method == method and rate_point in (None, t.rate_point)]
    found = {}
    for what in ("encode", "decode"):
        chosen = [t for t in timed if t.what == what]
        if chosen:
            found[f"{what} s"] = median(t.median for t in chosen)
            found[f"{what} MP/s"] = median(megapixels(results, t) / t.median for t in chosen)
    complexity: Mapping[str, float] = results.methods.get(method, {}).get("complexity", {})
    for title in ("encode kMAC/px", "decode kMAC/px", "parameters"):
        if COSTS[title] in complexity:
            found[title] = complexity[COSTS[title]]
    return {title: found[title] for title in COSTS if title in found}


def megapixels(results: Results, timing: Timing) -> float:
    """Pixels of a timed image, in millions."""
    image = results.images[timing.dataset, timing.image]
    return image["height"] * image["width"] / 1e6


def cost_text(title: str, value: float | None) -> str:
    """A cost for a table."""
    if value is None:
        return "-"
    if title == "parameters":
        return _count(value)
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _count(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.0f}"
