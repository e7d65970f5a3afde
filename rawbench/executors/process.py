"""Worker processes of our own: the pools of the standard library give up all jobs when one worker dies."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from rawbench.executor import Executor, T, WorkerDied

_POLL_SECONDS = 0.5


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    job: Any = None
    started: float = 0.0


class Process(Executor):
    """Runs jobs in ``jobs`` spawned processes; one that dies or exceeds the time limit loses only its own job.

    Attributes:
        timeout_seconds: a job that takes longer is killed with its worker; None means no limit.
    """

    name = "process"
    summary = "worker processes; one that dies or hangs loses only its own cell"

    def __init__(self, jobs: int = 1, timeout_seconds: float | None = None) -> None:
        super().__init__(jobs)
        self.timeout_seconds = timeout_seconds

    def map_unordered(self, function: Callable[[T], Any], jobs: Iterable[T]) -> Iterator[tuple[T, Any | WorkerDied]]:
        waiting = iter(jobs)
        workers = [self._spawn(function) for _ in range(self.jobs)]
        try:
            for worker in workers:
                _give(worker, waiting)
            while busy := [w for w in workers if w.job is not None]:
                for index, outcome in self._finished(workers, busy):
                    job = workers[index].job
                    if isinstance(outcome, WorkerDied):
                        _end(workers[index])
                        workers[index] = self._spawn(function)
                    _give(workers[index], waiting)
                    yield job, outcome
        finally:
            for worker in workers:
                _end(worker)

    def _spawn(self, function: Callable[[Any], Any]) -> _Worker:
        # Spawned, not forked: a forked child would inherit torch's threads and the parent's memory.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, function), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _finished(self, workers: list[_Worker], busy: list[_Worker]) -> Iterator[tuple[int, Any]]:
        ready = wait([w.pipe for w in busy], timeout=_POLL_SECONDS)
        for index, worker in enumerate(workers):
            if worker.pipe in ready:
                try:
                    yield index, worker.pipe.recv()
                except (EOFError, OSError):
                    worker.process.join(5)
                    yield index, WorkerDied("error", _cause(worker.process.exitcode))
            elif worker.job is not None and self._is_late(worker):
                yield index, WorkerDied("timeout", f"took more than {self.timeout_seconds:g} s")

    def _is_late(self, worker: _Worker) -> bool:
        return self.timeout_seconds is not None and time.monotonic() - worker.started > self.timeout_seconds


def _work(pipe: Connection, function: Callable[[Any], Any]) -> None:
    # Ctrl-C reaches the whole process group; the driver decides what happens, workers just end with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send(function(job))


def _give(worker: _Worker, waiting: Iterator[Any]) -> None:
    worker.job = next(waiting, None)
    if worker.job is not None:
        worker.started = time.monotonic()
        worker.pipe.send(worker.job)


def _end(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.kill()
    worker.process.join(5)


def _cause(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        try:
            return f"the worker was ended by {signal.Signals(-exit_code).name}"
        except ValueError:
            return f"the worker was ended by signal {-exit_code}"
    return f"the worker ended with exit code {exit_code}"
