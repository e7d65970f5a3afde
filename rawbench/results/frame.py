"""A run as a pandas DataFrame of cells, with the curves and the Bjontegaard deltas that tables print."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from rawbench.errors import UsageError, suggest
from rawbench.results.means import Row, average
from rawbench.results.rd import Interpolation, Point, bd_psnr, bd_rate
from rawbench.results.run import RATES, Run

PLACE = ("method", "rate_point", "rate_order", "dataset", "image", "camera", "rendition", "simulated", "height",
         "width")  # fmt: skip
SECONDS = ("encode_seconds", "decode_seconds")


class RunFrame(pd.DataFrame):
    """The cells of a run, one a row; filter it as any DataFrame, and ``curves`` and ``bd_rate`` are of what is left.

    Attributes:
        rules: how each metric is averaged over images.
        higher_is_better: direction of each metric.
        protocol: of the run's numbers.
    """

    _metadata = ["rules", "higher_is_better", "protocol"]

    @property
    def _constructor(self) -> Any:
        return RunFrame

    def curves(self, metric: str = "psnr", rate: str = "bpp") -> pd.DataFrame:
        """Mean rate-distortion curves: a row for each dataset, rendition, method and rate point.

        A rate point where an image failed, or has no value, is on no curve: its mean would be over other images than
        its neighbours'.

        Args:
            metric: the quality.
            rate: ``bpp`` or ``bytes``.

        Returns:
            Columns dataset, rendition, method, rate_order, rate_point, images, the rate and the metric.

        Raises:
            UsageError: no such column.
        """
        for name in (metric, rate):
            if name not in self.columns or name in PLACE:
                raise UsageError(f"the run has no metric {name!r}{suggest(name, [*RATES, *self.rules])}")
        keys = ["dataset", "rendition", "method", "rate_order", "rate_point"]
        rows = []
        for place, cells in self.groupby(keys, sort=True):
            if (cells.status != "ok").any() or cells[[metric, rate]].isna().any(axis=None):
                continue
            value = average(cells[metric], self.rules.get(metric, "mean")).value
            rows.append((*place, len(cells), float(cells[rate].mean()), value))
        return pd.DataFrame(rows, columns=[*keys, "images", rate, metric])

    def bd_rate(
        self, anchor: str, metric: str = "psnr", rate: str = "bpp", interpolation: Interpolation = "akima"
    ) -> pd.DataFrame:
        """Bjontegaard deltas of the mean curves of every method against one of them.

        Args:
            anchor: the method to compare with.
            metric: the quality.
            rate: ``bpp`` or ``bytes``.
            interpolation: ``akima`` or ``pchip``.

        Returns:
            Columns dataset, rendition, method, bd_rate_percent (negative: fewer bytes for the same quality),
            bd_quality (positive: better at the same bytes), overlap_share (of the quality that both cover; the
            smaller, the less the number says), and reason: why there is no number, empty where there is one.

        Raises:
            UsageError: the anchor is no method of the run, or there is no such metric.
        """
        methods = list(dict.fromkeys(self.method))
        if anchor not in methods:
            raise UsageError(f"the run has no method {anchor!r}{suggest(anchor, methods)}")
        curves = self.curves(metric, rate)
        sign = 1 if self.higher_is_better.get(metric, True) else -1
        rows = []
        for (dataset, rendition), group in curves.groupby(["dataset", "rendition"], sort=True):
            points = {
                method: [Point(r, sign * q) for r, q in zip(group[group.method == method][rate],
                                                            group[group.method == method][metric], strict=True)]
                for method in methods
            }  # fmt: skip
            for method in methods:
                if method == anchor:
                    continue
                rates = bd_rate(points[anchor], points[method], interpolation)
                qualities = bd_psnr(points[anchor], points[method], interpolation)
                rows.append((dataset, rendition, method, _number(rates.value), _number(qualities.value),
                             rates.overlap_share, rates.reason))  # fmt: skip
        columns = ["dataset", "rendition", "method", "bd_rate_percent", "bd_quality", "overlap_share", "reason"]
        return pd.DataFrame(rows, columns=columns)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def frame_of(run: Run) -> RunFrame:
    """A run as a frame."""
    names = [*RATES, *sorted({name for row in run.rows for name in row.values} - RATES.keys())]
    frame = RunFrame([_record(row, run, names) for row in run.rows],
                     columns=[*PLACE, *names, "status", "message", *SECONDS])  # fmt: skip
    frame.rules = run.rules
    frame.higher_is_better = {name: metric.higher_is_better for name, metric in run.metrics.items()}
    frame.protocol = run.meta.protocol
    return frame


def _record(row: Row, run: Run, names: list[str]) -> dict[str, Any]:
    image = run.images[row.dataset, row.image]
    found = {name: getattr(row, name) for name in PLACE[:-2]} | {"height": image.height, "width": image.width}
    found |= {name: row.value(name) for name in names}
    found |= {name: _number(row.facts.get(name)) for name in SECONDS}
    return found | {"status": row.status, "message": row.message}
