"""What a coder tells of its work while it works: stages, whose time is measured, and how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rawbench import Advance

Stage = Callable[[str], AbstractContextManager[None]]
Part = Callable[[float, float], Advance]


@contextmanager
def untimed(name: str) -> Iterator[None]:
    """A stage that nobody measures."""
    yield


def unwatched_part(first: float, last: float) -> Advance:
    """A part of work that nobody watches."""
    return lambda done, total: None
