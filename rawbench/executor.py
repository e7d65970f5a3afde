"""The Executor interface: where cells run."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from rawbench.errors import UsageError

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


def _anywhere(worker: int) -> None:
    """A worker that needs no place of its own."""


@dataclass(frozen=True)
class Work(Generic[T]):
    """A job function with what comes before it and does not count: an executor calls ``prepare``, then the whole.

    Attributes:
        do: takes a job and returns its outcome; never raises.
        prepare: starts what the job will wait for, in the process where it will run; never raises, and may be left
            out: the outcome is the same.
        gpus: how many a worker needs, for executors that hand them out.
        begin: takes a worker's number, from 0, in its own process before its first job, where the executor has not
            placed its workers itself; one in the place of a lost one has that one's number.
    """

    do: Callable[[T], Any]
    prepare: Callable[[T], None]
    gpus: int = 0
    begin: Callable[[int], None] = _anywhere

    def __call__(self, job: T) -> Any:
        return self.do(job)


class Executor(abc.ABC):
    """Runs independent jobs and yields what came of them, in any order.

    A job never raises into the executor: the job function returns its failures as data. What an executor adds
    are the failures that the function cannot see: a worker that died, or took too long.

    Attributes:
        name: how users call it.
        summary: one line for ``rawbench executors list``.
        keeps_timeout: it ends a job that takes too long, with its worker; another refuses a time limit.
        takes_address: it runs jobs on a cluster, whose address it may be told; another refuses one.
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""
    keeps_timeout: ClassVar[bool] = False
    takes_address: ClassVar[bool] = False

    def __init__(self, jobs: int = 1, timeout_seconds: float | None = None, address: str | None = None) -> None:
        """Say how many jobs may run at a time, and what one may take; the start of a worker is not in it.

        Raises:
            UsageError: a time limit that this executor cannot keep, or an address that it has no use for.
        """
        if address is not None and not self.takes_address:
            raise UsageError(f"executor {self.name} runs cells on this machine: no --address with it")
        if timeout_seconds is not None and not self.keeps_timeout:
            raise UsageError(f"executor {self.name} cannot end a cell that takes too long: no --timeout with it")
        self.jobs = jobs
        self.timeout_seconds = timeout_seconds
        self.address = address

    @abc.abstractmethod
    def map_unordered(
        self, function: Callable[[T], Any] | Work[T], jobs: Iterable[T]
    ) -> Iterator[tuple[T, Any | WorkerDied]]:
        """Yield (job, outcome) for every job; the outcome is a ``WorkerDied`` where a worker was lost."""
