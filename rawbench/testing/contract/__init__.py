"""The contract, article by article: each check is a name, what it promises, and a function that finds faults.

The functions judge evidence that ``rawbench.testing.evidence`` gathered. A fault is a sentence that says what was
seen, where, and what it means; a check without faults passes. The order here is that in which checks are told.
"""

from rawbench.testing.contract import declared, output, isolation, streams  # noqa: F401, I001
from rawbench.testing.contract.check import CHECKS, Check, NotJudged

__all__ = ["CHECKS", "Check", "NotJudged"]
