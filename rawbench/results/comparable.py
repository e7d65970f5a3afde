"""What must be known before two rows are compared: the same images, a curve that rises, a method that was checked."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from rawbench.results.checked import LOOSE, verdict
from rawbench.results.means import Group
from rawbench.results.run import Run

QUALITY = "psnr"
SLACK = 1e-6  # dB and bytes below which nothing falls


def on_shared_images(run: Run) -> tuple[Run, list[str]]:
    """The run on the images of each dataset that every method and rate point has been run on, and what that left out.

    An image on which a method failed is one of them: failures are counted, not averaged away. Where no image is shared,
    the rows stay, and the lines say that they are of different images.
    """
    points: dict[str, dict[tuple[str, str], set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in run.rows:
        points[row.dataset][row.method, row.rate_point].add(row.image)
    shared, lines = {}, []
    for dataset, had in points.items():
        every = set().union(*had.values())
        common = set.intersection(*had.values())
        shared[dataset] = common or every
        if common == every:
            continue
        lacking = ", ".join(dict.fromkeys(method for (method, _), images in had.items() if images != every))
        if common:
            lines.append(
                f"{dataset}: over the {len(common)} of {len(every)} images that every row has ({lacking} lack others)"
            )
        else:
            lines.append(
                f"{dataset}: no image is in every row; the rows are means over different images, not to be compared"
            )
    return replace(run, rows=tuple(row for row in run.rows if row.image in shared[row.dataset])), lines


def falls(groups: Iterable[Group]) -> dict[tuple[str, str, str, str, str], str]:
    """Where a curve falls: by (dataset, camera, rendition, method, rate point), what is less than one point before.

    Only neighbours over the same number of images are held against each other.
    """
    found: dict[tuple[str, str, str, str, str], str] = {}
    last: dict[tuple[str, str, str, str], Group] = {}
    for group in groups:
        curve = group.dataset, group.camera, group.rendition, group.method
        before = last.get(curve)
        last[curve] = group
        if before is None or before.images - before.failed != group.images - group.failed:
            continue
        less = [name for name in ("bytes", QUALITY) if _value(group, name) < _value(before, name) - SLACK]
        if less:
            found[*curve, group.rate_point] = " and ".join(less)
    return found


def _value(group: Group, name: str) -> float:
    return group.means[name].value if name in group.means else math.nan


def falling_lines(groups: Iterable[Group]) -> list[str]:
    """The methods whose curve falls somewhere, in words."""
    found: dict[str, list[str]] = {}
    for (_, camera, _, method, point), less in falls(groups).items():
        found.setdefault(f"{method} falls", []).append(f"less {less} at {point}" + (f" on {camera}" if camera else ""))
    return [f"{title}: {', '.join(dict.fromkeys(places))}" for title, places in found.items()]


def check_word(run: Run, method: str) -> str:
    """What ``rawbench check`` said of a method with this very code and these weights, its opt-outs and tolerance."""
    if method in run.checked or method not in run.methods:
        return verdict(run.checked.get(method))
    declared = run.methods[method].capabilities
    opt_outs, tolerance = declared.get("opt_outs"), declared.get("decode_tolerance")
    parts = ["not checked"]
    if isinstance(opt_outs, dict) and opt_outs:
        parts.append(f"opts out of {', '.join(sorted(map(str, opt_outs)))}")
    if isinstance(tolerance, int | float) and tolerance > LOOSE:
        parts.append(f"decodes may differ by {tolerance:g}")
    return "; ".join(parts)


def check_lines(run: Run) -> list[str]:
    """The methods by what ``rawbench check`` said of them."""
    found: dict[str, list[str]] = {}
    for method in dict.fromkeys(row.method for row in run.rows):
        found.setdefault(check_word(run, method), []).append(method)
    return [f"rawbench check: {word}: {', '.join(methods)}" for word, methods in sorted(found.items())]


def untrained_lines(run: Run, methods: Iterable[str] | None = None) -> list[str]:
    """What must stand under a table with methods that never were trained.

    Args:
        run: the run.
        methods: labels of those in the table; None: all.
    """
    chosen = run.methods if methods is None else methods
    untrained = [name for name in chosen if name in run.methods and run.methods[name].capabilities.get("untrained")]
    return [f"{name}: its weights are untrained, its figures say nothing of the method" for name in untrained]
