"""A Ray cluster: actors that run jobs one after the other, on this machine or on many (extra ``rawbench[ray]``)."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rawbench.errors import UsageError
from rawbench.executor import Executor, T, Work, WorkerDied

_POLL_SECONDS = 0.5
_KNOCK_SECONDS = 10.0
_PATIENCE_SECONDS = 120.0  # beyond the time limit, for the start of an actor and what prepares a job


class Actor:
    """What runs in an actor's process: jobs that it is given; encoder and decoder are processes beside it."""

    def __init__(self, function: Callable[[Any], Any], folder: str) -> None:
        os.chdir(folder)
        self._function = function

    def prepare(self, job: Any) -> None:
        """Do what comes before a job and does not count."""
        if isinstance(self._function, Work):
            self._function.prepare(job)

    def do(self, job: Any) -> Any:
        """Run a job."""
        return self._function(job)


@dataclass
class _Worker:
    actor: Any
    job: Any
    answer: Any  # of prepare, then of do
    since: float
    started: bool = False


class Ray(Executor):
    """Runs jobs in ``jobs`` actors; one that dies or exceeds the time limit loses only its own job.

    Without an address a cluster of this machine alone is started and ended. Ray schedules the actors by the cores and
    GPUs that they ask for; the run folder must be one that every machine sees, as actors write streams into it.
    """

    name = "ray"
    summary = "actors on a Ray cluster, of this machine or at --address; one that dies loses only its own cell"
    keeps_timeout = True
    takes_address = True

    def map_unordered(
        self, function: Callable[[T], Any] | Work[T], jobs: Iterable[T]
    ) -> Iterator[tuple[T, Any | WorkerDied]]:
        ray = _connected(self.address, self.jobs)
        gpus = function.gpus if isinstance(function, Work) else 0
        made = ray.remote(Actor).options(num_cpus=1, num_gpus=gpus, max_restarts=0)
        waiting, workers = iter(jobs), []
        try:
            for job in _first(waiting, self.jobs):
                workers.append(_begin(made.remote(function, os.getcwd()), job))
            while workers:
                for worker, outcome in self._finished(ray, workers):
                    workers.remove(worker)
                    lost = isinstance(outcome, WorkerDied)
                    if lost:
                        _kill(ray, worker)
                    for job in _first(waiting, 1):
                        workers.append(_begin(made.remote(function, os.getcwd()) if lost else worker.actor, job))
                    yield worker.job, outcome
        finally:
            for worker in workers:
                _kill(ray, worker)
            ray.shutdown()

    def _finished(self, ray: Any, workers: list[_Worker]) -> Iterator[tuple[_Worker, Any]]:
        ready, _ = ray.wait([w.answer for w in workers], num_returns=len(workers), timeout=0)
        if not ready:
            ready, _ = ray.wait([w.answer for w in workers], num_returns=1, timeout=_POLL_SECONDS)
        for worker in list(workers):
            if worker.answer in ready:
                try:
                    outcome = ray.get(worker.answer)
                except ray.exceptions.RayError as error:
                    yield worker, WorkerDied("error", f"the worker ended ({_in_a_line(error)})")
                    continue
                if worker.started:
                    yield worker, outcome
                else:
                    worker.answer = worker.actor.do.remote(worker.job)
                    worker.started, worker.since = True, time.monotonic()
            elif self._is_late(worker):
                yield worker, WorkerDied("timeout", f"took more than {self.timeout_seconds:g} s")

    def _is_late(self, worker: _Worker) -> bool:
        if self.timeout_seconds is None:
            return False
        patience = 0.0 if worker.started else _PATIENCE_SECONDS
        return time.monotonic() - worker.since > self.timeout_seconds + patience


def _connected(address: str | None, jobs: int) -> Any:
    """Ray, connected to a cluster, or to one of this machine with a core for each job.

    Raises:
        UsageError: Ray is not installed, or nothing answers at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise UsageError("executor ray needs Ray: install rawbench[ray]") from None
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # what jobs are made of is found there too
    common: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    common["runtime_env"] = {"env_vars": {"PYTHONPATH": path}}
    try:
        if address:
            _knock(address)
            ray.init(address=address, **common)
        else:
            ray.init(num_cpus=jobs, include_dashboard=False, **common)
    except (OSError, RuntimeError, ValueError) as error:
        where = address or "this machine"
        raise UsageError(f"no Ray cluster at {where}: {_in_a_line(error)}") from None
    return ray


def _knock(address: str) -> None:
    """Look whether anybody is there: Ray itself would try for minutes, and then end this process.

    Raises:
        OSError: nobody answers.
        ValueError: it is no address.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon:
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK_SECONDS).close()
    elif address != "auto":
        raise ValueError("an address is HOST:PORT, ray://HOST:PORT or auto")


def _begin(actor: Any, job: Any) -> _Worker:
    return _Worker(actor, job, actor.prepare.remote(job), time.monotonic())


def _first(jobs: Iterator[T], count: int) -> Iterator[T]:
    for _ in range(count):
        with suppress(StopIteration):
            yield next(jobs)


def _kill(ray: Any, worker: _Worker) -> None:
    with suppress(Exception):  # it is gone already
        ray.kill(worker.actor, no_restart=True)


def _in_a_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
