"""The plugin of my-metric: this module is the entry point, and imports nothing heavy."""

from __future__ import annotations

import rawbench


@rawbench.hookimpl
def register_metrics(register):
    register("my-metric", "my_metric.metric:MyMetric", summary="greatest absolute error of linear raw")
