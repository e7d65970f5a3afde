"""The conformance kit: the contract of a method in executable form.

In a test suite::

    from rawbench.testing import CodecConformance

    class TestMine(CodecConformance):
        method = "mine"                     # or "mine:option=value", or the Codec subclass itself

and on the command line ``rawbench check mine``. Both run the same checks (``rawbench.testing.checks``) on the same
evidence (``rawbench.testing.evidence``), which is gathered in processes of their own, so that a method that hangs,
dies or eats memory fails with a sentence and takes nothing down. ``check_dataset`` and ``check_metric`` hold those two
to theirs, in this process.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "CheckResult": "rawbench.testing.checks",
    "CodecConformance": "rawbench.testing.conformance",
    "Launcher": "rawbench.testing.processes",
    "Limits": "rawbench.testing.evidence",
    "check_dataset": "rawbench.testing.dataset_contract",
    "check_metric": "rawbench.testing.metric_contract",
    "check_names": "rawbench.testing.checks",
    "run_checks": "rawbench.testing.checks",
    "write_golden": "rawbench.testing.golden",
}

__all__ = [
    "CheckResult",
    "CodecConformance",
    "Launcher",
    "Limits",
    "check_dataset",
    "check_metric",
    "check_names",
    "run_checks",
    "write_golden",
]

if TYPE_CHECKING:
    from rawbench.testing.checks import CheckResult, check_names, run_checks
    from rawbench.testing.conformance import CodecConformance
    from rawbench.testing.dataset_contract import check_dataset
    from rawbench.testing.evidence import Limits
    from rawbench.testing.golden import write_golden
    from rawbench.testing.metric_contract import check_metric
    from rawbench.testing.processes import Launcher


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        value = getattr(importlib.import_module(_PUBLIC[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'rawbench.testing' has no attribute {name!r}")
