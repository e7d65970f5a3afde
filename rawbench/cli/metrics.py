"""``rawbench metrics``."""

from __future__ import annotations

import inspect
from typing import Any

from rawbench.cli.listing import listing_group


def _describe(metric: Any) -> dict[str, Any]:
    return {
        "version": metric.version,
        "unit": metric.unit,
        "better": "higher" if metric.higher_is_better else "lower",
        "aggregate": metric.aggregate,
        "computed_by_default": metric.default,
        "definition": inspect.getdoc(metric) or metric.summary,
    }


metrics = listing_group("metrics", _describe, "psnr")
