"""Standard output and error that outlive their reader."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Any


def forgive_closed_outputs() -> None:
    """Let neither a reader that has gone (``head``, ``less``) nor an odd text end a run.

    What is written to stdout or stderr then is lost, and every text can be written.
    """
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream: Any = getattr(sys, name)
        if _descriptor(stream) == number:
            stream.flush()
            buffer = io.BufferedWriter(_Forgiving(number, "w", closefd=False))
            text = io.TextIOWrapper(buffer, stream.encoding, "backslashreplace", line_buffering=stream.line_buffering)
            setattr(sys, name, text)


def _descriptor(stream: Any) -> int | None:
    """The descriptor of a standard stream; None of one that is closed, or that a test put in its place."""
    if isinstance(stream, io.TextIOWrapper):
        with suppress(OSError, ValueError):
            return stream.fileno()
    return None


class _Forgiving(io.FileIO):
    """A file whose reader may go."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, self.fileno())
            os.close(devnull)
            return len(data)
