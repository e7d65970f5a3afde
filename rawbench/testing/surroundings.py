"""The clock and the machine's name as Python code sees them, set to others for the length of a process."""

from __future__ import annotations

import datetime
import os
import platform
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

Note = Callable[[str], None]


def shift_clock(seconds: float, note: Note) -> None:
    """Set every clock of ``time`` and ``datetime`` that tells the time of day forward, and be told who reads it.

    Nothing is set back: for processes that end after their job.
    """
    real_time, real_gettime = time.time, time.clock_gettime
    real_gettime_ns = time.clock_gettime_ns

    def now(name: str) -> float:
        note(name)
        return real_time() + seconds

    def gettime(clock: int) -> float:
        return now("time.clock_gettime") if clock == time.CLOCK_REALTIME else real_gettime(clock)

    def gettime_ns(clock: int) -> int:
        return int(1e9 * now("time.clock_gettime_ns")) if clock == time.CLOCK_REALTIME else real_gettime_ns(clock)

    time.time = lambda: now("time.time")
    time.time_ns = lambda: int(1e9 * now("time.time_ns"))
    time.clock_gettime, time.clock_gettime_ns = gettime, gettime_ns
    _shift_calendar(now)


def _shift_calendar(now: Callable[[str], float]) -> None:
    for name in ("gmtime", "localtime", "ctime"):
        setattr(time, name, _with_default(getattr(time, name), 0, partial(now, f"time.{name}")))
    moment = time.localtime  # already shifted
    for name, place in (("asctime", 0), ("strftime", 1)):
        setattr(time, name, _with_default(getattr(time, name), place, moment))

    # No slots: extension modules that build on these types (pandas') count on the size of the real ones.
    class Day(datetime.date):
        __slots__ = ()

        @classmethod
        def today(cls) -> Any:
            return cls.fromtimestamp(now("datetime.date.today"))

    class Moment(datetime.datetime):
        __slots__ = ()

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls.fromtimestamp(now("datetime.datetime.now"), tz)

        @classmethod
        def today(cls) -> Any:
            return cls.now()

        @classmethod
        def utcnow(cls) -> Any:
            return cls.now(datetime.UTC).replace(tzinfo=None)

    for kind, name in ((Day, "date"), (Moment, "datetime")):
        kind.__name__ = kind.__qualname__ = name
        kind.__module__ = "datetime"
        setattr(datetime, name, kind)


def _with_default(function: Callable[..., Any], place: int, default: Callable[[], Any]) -> Callable[..., Any]:
    """The function with an argument for the present moment, where it is left out or None."""

    def called(*arguments: Any) -> Any:
        given = [value for value in arguments if value is not None]
        return function(*given) if len(given) > place else function(*given, default())

    return called


def rename_host(name: str) -> None:
    """Give the machine another name, for ``os.uname``, ``socket.gethostname`` and ``platform``."""
    found = os.uname()
    other = os.uname_result((found.sysname, name, found.release, found.version, found.machine))
    os.uname = lambda: other
    socket.gethostname = lambda: name
    platform.node = lambda: name
