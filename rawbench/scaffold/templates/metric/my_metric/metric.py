"""The metric. ``rawbench.Metric``'s docstring is the manual; ``rawbench metrics check my-metric`` holds it to it."""

from __future__ import annotations

import rawbench


class MyMetric(rawbench.Metric):
    """The greatest absolute difference of any channel of any pixel, both raws in [0, 1]."""

    name = "my-metric"
    version = 1  # another one whenever the same pixels may give another value
    unit = "1"
    higher_is_better = False
    default = False  # computed where --metrics names it
    summary = "greatest absolute error of linear raw"

    def compute(self, reference, decoded, sample):
        return float((reference.double() - decoded.double()).abs().max())
