"""``rawbench metrics``."""

from __future__ import annotations

import inspect
from dataclasses import asdict
from typing import Any

from rawbench.cli.listing import listing_group
from rawbench.run.rate import RATES


def _describe(metric: Any) -> dict[str, Any]:
    return {
        "version": metric.version,
        "unit": metric.unit,
        "better": "higher" if metric.higher_is_better else "lower",
        "aggregate": metric.aggregate,
        "computed_by_default": metric.default,
        "definition": inspect.getdoc(metric) or metric.summary,
    }


# Rates are read off the file and not off the pixels, but who looks for a column looks here.
rates = {rate.name: {**asdict(rate), "plugin": "rawbench"} for rate in RATES}
metrics = listing_group("metrics", _describe, "psnr", rates)
