"""The Executor interface: where cells run."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class WorkerDied:
    """A worker process ended without an answer; only its own job is lost.

    Attributes:
        status: ``error``, or ``timeout`` when the executor ended it.
        reason: what is known of why.
    """

    status: str
    reason: str


class Executor(abc.ABC):
    """Runs independent jobs and yields what came of them, in any order.

    A job never raises into the executor: the job function returns its failures as data. What an executor adds
    are the failures that the function cannot see: a worker that died.

    Attributes:
        name: how users call it.
        summary: one line for ``rawbench executors list``.
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""

    def __init__(self, jobs: int = 1) -> None:
        self.jobs = jobs

    @abc.abstractmethod
    def map_unordered(self, function: Callable[[T], Any], jobs: Iterable[T]) -> Iterator[tuple[T, Any | WorkerDied]]:
        """Yield (job, outcome) for every job; the outcome is a ``WorkerDied`` where a worker was lost."""
