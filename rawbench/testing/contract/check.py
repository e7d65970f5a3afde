"""What a check is, and the list of all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rawbench.testing.evidence import Evidence

Record = dict[str, Any]
Faults = Callable[[Evidence], Iterable[str]]


class NotJudged(Exception):
    """There is nothing to judge, for a reason that the message gives."""


@dataclass(frozen=True)
class Check:
    """One article of the contract.

    Attributes:
        name: what opt-outs and ``--only`` call it.
        promise: what holds when it passes.
        processes: whose evidence it needs besides that of ``encode``.
        faults: yields a sentence for each fault; raises NotJudged.
        firm: cannot be opted out of.
        kinds: of images that it needs besides the small pair and the odd one.
    """

    name: str
    promise: str
    processes: tuple[str, ...]
    faults: Faults
    firm: bool = False
    kinds: tuple[str, ...] = ()


CHECKS: dict[str, Check] = {}


def check(
    name: str, promise: str, *processes: str, firm: bool = False, kinds: tuple[str, ...] = ()
) -> Callable[[Faults], Faults]:
    """Make a check of a function from evidence to faults."""

    def register(faults: Faults) -> Faults:
        CHECKS[name] = Check(name, promise, processes, faults, firm, kinds)
        return faults

    return register
