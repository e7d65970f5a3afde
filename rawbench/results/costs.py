"""What a method costs: speed and memory by its timing pass, size and work by its own word."""

from __future__ import annotations

from statistics import median

from rawbench.results.run import Run
from rawbench.types import Place

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


def costs_of(run: Run, method: str, rate_point: str | None = None) -> dict[str, float]:
    """Costs of a method, by the titles of ``COSTS``; what is not known is left out.

    Args:
        run: the run.
        method: label of the method.
        rate_point: only of this one; None takes the median over all that were timed.

    Returns:
        MP/s are medians over the timed images of their medians over repeats; the peak is the largest of all: of the
        device's memory, or on a CPU of the process's resident memory.
    """
    timed = [t for t in run.timings if t.method == method and rate_point in (None, t.rate_point)]
    found = {}
    for what in ("encode", "decode"):
        speeds = [run.images[t.dataset, t.image].megapixels / t.median for t in timed if t.what == what and t.median]
        if speeds:
            found[f"{what} MP/s"] = median(speeds)
    for name in PEAKS:
        peaks = [t.median for t in timed if t.what in (f"encode/{name}", f"decode/{name}")]
        if peaks and "peak MiB" not in found:
            found["peak MiB"] = max(peaks) / 2**20
    complexity = run.methods[method].complexity if method in run.methods else {}
    for title in ("encode kMAC/px", "decode kMAC/px", "parameters"):
        if COSTS[title] in complexity:
            found[title] = complexity[COSTS[title]]
    return {title: found[title] for title in COSTS if title in found}


def costs_of_points(run: Run) -> dict[tuple[str, str], dict[str, float]]:
    """What each rate point costs, by (method, rate point) and title: MP/s, MiB, kMAC/pixel, parameters.

    Empty without a timing pass; speeds are those of the images that were timed, whatever cameras a table shows.
    """
    return {point: costs_of(run, *point) for point in dict.fromkeys((t.method, t.rate_point) for t in run.timings)}


def timing_notes(run: Run) -> list[str]:
    """On what the speeds of a run were measured, and what of it was not timed; no line without a timing pass."""
    places = sorted({(t.dataset, t.image) for t in run.timings})
    if not places:
        return []
    several = len({dataset for dataset, _ in places}) > 1
    names = [_image_text(run, place, several) for place in places]
    counts = sorted({t.repeats for t in run.timings if t.what in ("encode", "decode")})
    repeats = " to ".join(str(count) for count in dict.fromkeys((*counts[:1], *counts[-1:])))
    where = "; ".join(dict.fromkeys(environment.machine for environment in run.environments))
    lines = [f"speeds: medians of {repeats} repeats on {', '.join(names)}; {where}"]
    timed = {Place(t.method, t.rate_point, t.dataset, t.image) for t in run.timings}
    measured: dict[tuple[str, str], list[Place]] = {}
    for row in run.rows:
        if row.status == "ok":
            measured.setdefault((row.dataset, row.image), []).append(row.place)
    for image, name in zip(places, names, strict=True):
        lacking = dict.fromkeys(place.method for place in measured.get(image, ()) if place not in timed)
        if lacking:
            lines.append(f"not timed on {name}, or not at every rate point: {', '.join(lacking)}")
    return lines


def _image_text(run: Run, place: tuple[str, str], several: bool) -> str:
    image = run.images[place]
    name = "/".join(place) if several else place[1]
    return f"{name} ({image.width}x{image.height})"


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
