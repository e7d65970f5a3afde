"""What a method touches besides its arguments: files, the network, the clock."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_HARMLESS = ("/dev/", "/proc/", "/sys/")


class Traces:
    """Listens while ``watching``. An audit hook cannot be removed: for processes that end after their job.

    Attributes:
        written: files that were opened for writing, or renamed to.
        connected: addresses that were connected to.
        clock: functions of ``time`` that told the time of day.
    """

    def __init__(self) -> None:
        self.written: set[str] = set()
        self.connected: set[str] = set()
        self.clock: set[str] = set()
        self._on = False

    def install(self, clock_offset_seconds: float) -> None:
        """Listen from now on, and set the clock that Python code reads forward."""
        sys.addaudithook(self._hear)
        real_time, real_time_ns = time.time, time.time_ns
        time.time = lambda: self._note("time.time", real_time() + clock_offset_seconds)
        offset_ns = int(clock_offset_seconds * 1e9)
        time.time_ns = lambda: self._note("time.time_ns", real_time_ns() + offset_ns)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take note of what happens inside."""
        self._on = True
        try:
            yield
        finally:
            self._on = False

    def left_behind(self) -> list[str]:
        """Files written while watching that are still there."""
        kept = [path for path in self.written if "__pycache__" not in path and not path.startswith(_HARMLESS)]
        return sorted(path for path in kept if Path(path).is_file())

    def _note(self, name: str, value: Any) -> Any:
        if self._on:
            self.clock.add(name)
        return value

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._on:
            return
        if event == "open" and isinstance(arguments[0], str | bytes) and arguments[2] & _WRITES:
            self.written.add(os.path.abspath(os.fsdecode(arguments[0])))
        elif event == "os.rename":
            self.written.add(os.path.abspath(os.fsdecode(arguments[1])))
        elif event == "socket.connect":
            self.connected.add(str(arguments[1]))


def files_below(*folders: str) -> set[str]:
    """Every file in some folders, for what native code leaves there unheard."""
    return {str(path) for folder in folders for path in Path(folder).rglob("*") if path.is_file()}
