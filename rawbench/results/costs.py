"""What a method costs: speed and memory by its timing pass, size and work by its own word."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from rawbench.results.measured import Results, Timing

FASTEST = 1000.0  # MP/s above which a call did nothing worth a number
PEAKS = ("peak_device_memory", "peak_rss")
# Column titles and what they are taken from; a run without any of it has no such columns.
COSTS = {
    "encode MP/s": "encode",
    "decode MP/s": "decode",
    "peak MiB": "peak",
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
        MP/s are medians over the timed images of their medians over repeats; the peak is the largest of all: of the
        device's memory, or on a CPU of the process's resident memory.
    """
    timed = [t for t in results.timings if t.method == method and rate_point in (None, t.rate_point)]
    found = {}
    for what in ("encode", "decode"):
        chosen = [t for t in timed if t.what == what]
        if chosen:
            found[f"{what} MP/s"] = median(megapixels(results, t) / t.median for t in chosen)
    for name in PEAKS:
        peaks = [t.median for t in timed if t.what in (f"encode/{name}", f"decode/{name}")]
        if peaks and "peak MiB" not in found:
            found["peak MiB"] = max(peaks) / 2**20
    complexity: Mapping[str, float] = results.methods.get(method, {}).get("complexity", {})
    for title in ("encode kMAC/px", "decode kMAC/px", "parameters"):
        if COSTS[title] in complexity:
            found[title] = complexity[COSTS[title]]
    return {title: found[title] for title in COSTS if title in found}


def megapixels(results: Results, timing: Timing) -> float:
    """Pixels of a timed image, in millions."""
    image = results.images[timing.dataset, timing.image]
    return image["height"] * image["width"] / 1e6


def timing_notes(results: Results) -> list[str]:
    """On what the speeds of a run were measured, and what of it was not timed; no line without a timing pass."""
    places = sorted({(t.dataset, t.image) for t in results.timings})
    if not places:
        return []
    several = len({dataset for dataset, _ in places}) > 1
    names = [_image_text(results, place, several) for place in places]
    counts = sorted({t.repeats for t in results.timings if t.what in ("encode", "decode")})
    repeats = " to ".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
    where = "; ".join(dict.fromkeys(machine_text(environment) for environment in results.environments))
    lines = [f"speeds: medians of {repeats} repeats on {', '.join(names)}; {where}"]
    timed = {(t.method, t.rate_point, t.dataset, t.image) for t in results.timings}
    for place, name in zip(places, names, strict=True):
        rows = [row for row in results.rows if row.status == "ok" and (row.dataset, row.image) == place]
        lacking = dict.fromkeys(row.method for row in rows if (row.method, row.rate_point, *place) not in timed)
        if lacking:
            lines.append(f"not timed on {name}, or not at every rate point: {', '.join(lacking)}")
    return lines


def _image_text(results: Results, place: tuple[str, str], several: bool) -> str:
    image = results.images[place]
    name = "/".join(place) if several else place[1]
    return f"{name} ({image['width']}x{image['height']})"


def machine_text(environment: Mapping[str, Any]) -> str:
    """The device that a run was measured on, with its threads."""
    if environment["device"] != "cpu":
        return str(environment.get("gpu", environment["device"]))
    threads = environment["threads"]
    return f"{environment['processor']}, {threads} thread{'s' * (threads != 1)}"


def cost_text(title: str, value: float | None) -> str:
    """A cost for a table."""
    if value is None:
        return "-"
    if title == "parameters":
        return _count(value)
    if title.endswith("MP/s") and value > FASTEST:
        return f"> {FASTEST:.0f}"
    if title == "peak MiB":
        return f"{value:.0f}"
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _count(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.0f}"
