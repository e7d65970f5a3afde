"""Worker processes of our own: the pools of the standard library give up all jobs when one worker dies."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from rawbench.executor import Executor, T, Work, WorkerDied
from rawbench.executors.fork_server import cause_of_end, start_worker

_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 120.0  # beyond the time limit, for the start of a worker and what prepares a job
_STARTED = "started"  # what a worker says when a job's time begins; all else that it says are (outcome,)


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    job: Any = None
    given: float = 0.0  # when the job was given
    started: float | None = None  # when its time began


class Process(Executor):
    """Runs jobs in ``jobs`` processes; one that dies or exceeds the time limit loses only its own job."""

    name = "process"
    summary = "worker processes; one that dies or hangs loses only its own cell"
    keeps_timeout = True

    def map_unordered(
        self, function: Callable[[T], Any] | Work[T], jobs: Iterable[T]
    ) -> Iterator[tuple[T, Any | WorkerDied]]:
        waiting = iter(jobs)
        workers = [_start(function, number) for number in range(self.jobs)]
        try:
            for worker in workers:
                _give(worker, waiting)
            while busy := [w for w in workers if w.job is not None]:
                for index, outcome in self._finished(workers, busy):
                    job = workers[index].job
                    if isinstance(outcome, WorkerDied):
                        _end(workers[index])
                        workers[index] = _start(function, index)
                    _give(workers[index], waiting)
                    yield job, outcome
        finally:
            for worker in workers:
                _end(worker)

    def _finished(self, workers: list[_Worker], busy: list[_Worker]) -> Iterator[tuple[int, Any]]:
        ready = wait([w.pipe for w in busy], timeout=_POLL_SECONDS)
        for index, worker in enumerate(workers):
            if worker.pipe in ready:
                try:
                    said = worker.pipe.recv()
                except (EOFError, OSError):
                    worker.process.join(5)
                    yield index, WorkerDied("error", cause_of_end("the worker", worker.process.exitcode))
                    continue
                if said == _STARTED:
                    worker.started = time.monotonic()
                else:
                    yield index, said[0]
            elif worker.job is not None and self._is_late(worker):
                yield index, WorkerDied("timeout", f"took more than {self.timeout_seconds:g} s")

    def _is_late(self, worker: _Worker) -> bool:
        if self.timeout_seconds is None:
            return False
        since = worker.given + _PATIENCE_SECONDS if worker.started is None else worker.started
        return time.monotonic() - since > self.timeout_seconds


def _start(function: Callable[[Any], Any], number: int) -> _Worker:
    ours, theirs = multiprocessing.Pipe()
    process = start_worker(_work, theirs, function, number)
    theirs.close()
    return _Worker(process, ours)


def _work(pipe: Connection, function: Callable[[Any], Any], number: int) -> None:
    if isinstance(function, Work):
        function.begin(number)
    while True:
        try:
            job = pipe.recv()
            if isinstance(function, Work):
                function.prepare(job)
            pipe.send(_STARTED)
            pipe.send((function(job),))
        except (EOFError, OSError):  # nobody is there to hear
            return


def _give(worker: _Worker, waiting: Iterator[Any]) -> None:
    worker.job, worker.given, worker.started = next(waiting, None), time.monotonic(), None
    if worker.job is not None:
        worker.pipe.send(worker.job)


def _end(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.kill()
    worker.process.join(5)
