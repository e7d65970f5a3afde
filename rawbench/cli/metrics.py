"""``rawbench metrics``."""

from __future__ import annotations

import inspect
from dataclasses import asdict
from typing import Any

import click

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
metrics.help = "List, show and check metrics."


@metrics.command(
    epilog="""\b
Examples:
  rawbench metrics check psnr
  rawbench metrics check mine --plugin my_metric.py
"""
)
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def check(name: str, as_json: bool) -> None:
    """Hold a metric to the contract: a line for each check, and exit code 4 when one fails."""
    from rawbench.cli.catalogue import catalogue_of
    from rawbench.cli.check import tell_results
    from rawbench.testing.metric_contract import check_metric

    tell_results(name, check_metric(name, catalogue_of()), as_json)
