"""The default: one job after another, here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rawbench.executor import Executor, T, Work


class Serial(Executor):
    """Runs jobs in this process, in order."""

    name = "serial"
    summary = "one cell after another, in this process"

    def map_unordered(self, function: Callable[[T], Any] | Work[T], jobs: Iterable[T]) -> Iterator[tuple[T, Any]]:
        for job in jobs:
            yield job, function(job)
