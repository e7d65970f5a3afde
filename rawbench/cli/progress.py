"""How a run tells of itself: a bar with ETA in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from rawbench.cli.trouble import wants_traceback


class _Troubles:
    """Counts the cells without figures, and has a line for each; one for all that a method skips of a dataset."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._told: set[tuple[str, str]] = set()

    def line(self, cell: Any, outcome: Any) -> str:
        """What to say of a cell; nothing where all is well, or said. With ``--traceback``, all of it."""
        if outcome.status != "skipped":
            from rawbench.run.driver import troubles_of

            status = "error" if outcome.status == "ok" else outcome.status
            lines = [f"{status}: {line}" for line in troubles_of(cell, outcome)]
            self._counts["failed"] += bool(lines)
            return "\n".join([*lines, outcome.trace] if lines and wants_traceback() and outcome.trace else lines)
        self._counts["skipped"] += 1
        place = (cell.method.label, cell.dataset.label)
        if place in self._told:
            return ""
        self._told.add(place)
        return f"skipped: {place[0]} on {place[1]}: {outcome.message.removeprefix(f'{cell.title}: ')}"

    def __str__(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in self._counts.items() if count)


class LineProgress:
    """A line every ten seconds, and one for every failure: for logs and CI."""

    def __init__(self, every_seconds: float = 10.0) -> None:
        self.every_seconds = every_seconds
        self.total = self.done = 0
        self._troubles = _Troubles()
        self._next = self._started = time.monotonic()

    def start(self, total: int, done: int) -> None:
        self.total, self.done = total, done
        self._started = time.monotonic()
        self._first = done
        click.echo(f"{total} cells, {done} from before" if done else f"{total} cells")

    def finished(self, cell: Any, outcome: Any) -> None:
        self.done += 1
        if line := self._troubles.line(cell, outcome):
            click.echo(line, err=True)
        now = time.monotonic()
        if now >= self._next or self.done == self.total:
            self._next = now + self.every_seconds
            remaining = (now - self._started) / max(self.done - self._first, 1) * (self.total - self.done)
            troubles = f", {self._troubles}" if str(self._troubles) else ""
            click.echo(f"{self.done}/{self.total}{troubles}, {remaining:.0f} s left  ({cell.title})")

    def close(self) -> None:
        pass


class BarProgress:
    """A rich bar with ETA and the count of failures."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}", style="dim"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("[red]{task.fields[failures]}"),
            transient=True,
        )
        self._task: Any = None
        self._troubles = _Troubles()

    def start(self, total: int, done: int) -> None:
        self._task = self._bar.add_task("cells", total=total, completed=done, failures="")
        self._bar.start()

    def finished(self, cell: Any, outcome: Any) -> None:
        if line := self._troubles.line(cell, outcome):
            self._bar.console.print(line, style="red", markup=False)
        self._bar.update(self._task, advance=1, description=cell.title, failures=str(self._troubles))

    def close(self) -> None:
        self._bar.stop()


@contextmanager
def make_progress() -> Iterator[BarProgress | LineProgress]:
    """The progress that fits the output."""
    progress: BarProgress | LineProgress = BarProgress() if sys.stdout.isatty() else LineProgress()
    try:
        yield progress
    finally:
        progress.close()


class LineSteps:
    """A line every ten seconds while a step lasts: for logs."""

    def __init__(self, every_seconds: float = 10.0) -> None:
        self.every_seconds = every_seconds
        self._text = ""
        self._next = time.monotonic() + every_seconds

    def step(self, text: str) -> None:
        self._text = text

    def advance(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self.every_seconds
            click.echo(f"{self._text}: {done / total:.0%}", err=True)


class BarSteps:
    """A bar with what is being done, how far, and for how long; gone when all is done."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._task: Any = None

    def step(self, text: str) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(text, total=None)

    def advance(self, done: int, total: int) -> None:
        self._bar.update(self._task, total=total, completed=done)


@contextmanager
def make_steps() -> Iterator[BarSteps | LineSteps]:
    """What tells of the steps of one long command, on stderr: a bar in a terminal, lines elsewhere."""
    if not sys.stderr.isatty():
        yield LineSteps()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}", style="dim"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        yield BarSteps(bar)
