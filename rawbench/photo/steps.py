"""Who is told what a long piece of work is doing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rawbench.errors import RawbenchError


class Report(Protocol):
    """Who is told what is being done, and how far it is."""

    def step(self, text: str) -> None:
        """Something else is being done."""

    def advance(self, done: int, total: int) -> None:
        """So much of it is done."""


@contextmanager
def method_errors(name: str, doing: str) -> Iterator[None]:
    """What a method raises against its contract, in one line; whatever a photograph does to it.

    Raises:
        RawbenchError: names the method, what it was doing, and the cause.
    """
    try:
        yield
    except RawbenchError:
        raise
    except MemoryError:
        raise RawbenchError(f"method {name}: the photograph does not fit into the memory ({doing})") from None
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise RawbenchError(f"method {name}: {doing} failed ({text})") from error


class Silent:
    """Tells nobody."""

    def step(self, text: str) -> None:
        """Nothing."""

    def advance(self, done: int, total: int) -> None:
        """Nothing."""
