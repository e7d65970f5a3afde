"""`hybrid` against the best of all other methods, image by image, at equal bytes, as a Markdown table.

Reads runs (folders, databases or JSON) that hold `hybrid` and others on the same datasets. For each of its rate points,
and for each image, the other methods' curves (PSNR over the logarithm of bytes, never falling) are read where they
have as many bytes; the difference to the highest of them is what the table shows. Where no other method goes to so few
or so many bytes, there is no number. Under each table stand BD-rates, image by image, against `residual`, `learned`,
and whichever of them is the harder to beat.

    rawbench run --methods hybrid,residual,learned,poly --metrics psnr --dataset sample:rendition=camera --out camera
    python benchmarks/hybrid.py camera results/measured/sample.json > results/hybrid.md
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from rawbench.results.rd import bd_rate
from rawbench.results.run import read_run

METHOD, ANCHORS = "hybrid", ("residual", "learned")
Points = dict[str, list[tuple[float, float, str]]]  # by method: bytes, PSNR, rate point


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path)
    arguments = parser.parse_args()
    found = points_of(arguments.runs)
    for dataset in sorted({dataset for dataset, _ in found}):
        images = {image: points for (name, image), points in found.items() if name == dataset}
        print_dataset(dataset, images)
        print_rates(images)


def points_of(runs: Iterable[Path]) -> dict[tuple[str, str], Points]:
    """By dataset and image, what each method reached."""
    found: dict[tuple[str, str], Points] = defaultdict(lambda: defaultdict(list))
    for path in runs:
        for row in read_run(path).rows:
            psnr = row.values.get("psnr")
            if row.status == "ok" and isinstance(psnr, (int, float)) and math.isfinite(psnr):
                point = (float(row.values["bytes"]), float(psnr), row.rate_point)
                found[row.dataset, row.image][row.method].append(point)
    return found


def print_dataset(dataset: str, images: dict[str, Points]) -> None:
    """One table: a row an image, a column a rate point of `hybrid`."""
    names = list(dict.fromkeys(name for points in images.values() for *_, name in sorted(points.get(METHOD, []))))
    if not names:
        return
    print(f"## {dataset}\n\n| image | {' | '.join(names)} |\n|---|{'--:|' * len(names)}")
    columns: dict[str, list[float]] = defaultdict(list)
    for image, points in sorted(images.items()):
        cells = []
        for name in names:
            own = [point for point in points.get(METHOD, []) if point[2] == name]
            cells.append(cell_of(own[0], points, columns[name]) if own else "")
        print(f"| {image} | {' | '.join(cells)} |")
    for title, reduce in (("mean", np.mean), ("worst", np.min)):
        print(f"| {title} | {' | '.join(f'{reduce(c):+.2f}' if (c := columns[n]) else '' for n in names)} |")
    print()


def print_rates(images: dict[str, Points]) -> None:
    """BD-rates in percent: a row an image."""
    names = [*ANCHORS, "the better of them"]
    print(f"| BD-rate in % against | {' | '.join(names)} |\n|---|{'--:|' * len(names)}")
    columns: list[list[float]] = [[] for _ in names]
    for image, points in sorted(images.items()):
        rates = [bd_rate(rising(points.get(name, [])), rising(points[METHOD])).value for name in ANCHORS]
        known = [rate for rate in rates if rate is not None]
        for column, rate in zip(columns, [*rates, max(known, default=None)], strict=True):
            column.append(math.nan if rate is None else rate)
        print(f"| {image} | {' | '.join(_percent(column[-1]) for column in columns)} |")
    means = [np.mean([x for x in column if not math.isnan(x)] or [math.nan]) for column in columns]
    print(f"| mean | {' | '.join(_percent(float(mean)) for mean in means)} |\n")


def rising(points: list[tuple[float, float, str]]) -> list[tuple[float, float]]:
    """The points of a curve that are better than all of fewer bytes."""
    found: list[tuple[float, float]] = []
    for size, quality, _ in sorted(points):
        if not found or (quality > found[-1][1] and size > found[-1][0]):
            found.append((size, quality))
    return found


def _percent(value: float) -> str:
    return "" if math.isnan(value) else f"{value:+.1f}"


def cell_of(own: tuple[float, float, str], points: Points, column: list[float]) -> str:
    """Bytes, PSNR, and the difference to the best other method, which also goes into the column."""
    size, psnr, _ = own
    others = {m: value for m, p in points.items() if m != METHOD and (value := curve_at(p, size)) is not None}
    if not others:
        return f"{size:.0f} B {psnr:.2f}"
    best = max(others, key=lambda method: others[method])
    column.append(psnr - others[best])
    return f"{size:.0f} B {psnr:.2f} ({column[-1]:+.2f} {best})"


def curve_at(points: list[tuple[float, float, str]], size: float) -> float | None:
    """PSNR of a method's curve at some bytes: None below its first point, that of its last one above it."""
    ordered = sorted(points)
    if not ordered or size < ordered[0][0]:
        return None
    sizes = np.log([p[0] for p in ordered])
    return float(np.interp(math.log(size), sizes, np.maximum.accumulate([p[1] for p in ordered])))


if __name__ == "__main__":
    main()
