"""What went wrong in a cell, as data: a status, one line for people, and the whole traceback for the store."""

from __future__ import annotations

import errno
import gc
import os
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from rawbench.errors import RawbenchError, UsageError

_LONGEST_LINE = 500
_LONGEST_TRACEBACK = 100_000


@dataclass(frozen=True)
class Failure:
    """Why a cell, or one measurement of it, has no figures.

    Attributes:
        status: ``error``, ``mismatch``, ``oom``, ``timeout`` or ``skipped``.
        text: one printable line.
        traceback: all of it, or nothing where Python did not see the end.
    """

    status: str
    text: str
    traceback: str = ""


class CellFailed(Exception):
    """A failure that was found elsewhere, in a process that has told of it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure


class Mismatch(RawbenchError):
    """A decoded raw that is not what the contract asks for."""


class Skipped(UsageError):
    """What a method does not claim to do, and so is not asked to."""


def failure_of(error: BaseException, home: str = "") -> Failure:
    """The failure that an exception is.

    Args:
        error: whatever was raised, ``SystemExit`` too.
        home: the module of the plugin that was at work; the line names the last place in its code.
    """
    if isinstance(error, CellFailed):
        return error.failure
    status = _status_of(error)
    if status == "oom":
        gc.collect()
        with suppress(Exception):
            torch.cuda.empty_cache()
    trace = "".join(traceback.format_exception(error, limit=100))
    if len(trace) > _LONGEST_TRACEBACK:
        half = _LONGEST_TRACEBACK // 2
        trace = f"{trace[:half]}\n...\n{trace[-half:]}"
    return Failure(status, _line_of(error, home), printable(trace))


def printable(text: str) -> str:
    """Text that every file, terminal and database takes: what is no UTF-8 and no print is escaped."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def _status_of(error: BaseException) -> str:
    if isinstance(error, Mismatch):
        return "mismatch"
    if isinstance(error, Skipped):
        return "skipped"
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error):
        return "oom"
    return "error"


def _line_of(error: BaseException, home: str) -> str:
    lines = str(error)[: 2 * _LONGEST_LINE].strip().splitlines()
    text = printable(lines[0] if lines else "no message")
    if len(text) > _LONGEST_LINE:
        text = f"{text[:_LONGEST_LINE]}..."
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"the disk is full: {error.filename or os.strerror(errno.ENOSPC)}"
    if isinstance(error, RawbenchError):
        return text
    return f"{type(error).__name__}: {text}{_where(error, home)}"


def _where(error: BaseException, home: str) -> str:
    """The last line of the plugin's own code; without one, the last that is not torch's; else the last."""
    frames = [(Path(frame.f_code.co_filename), line) for frame, line in traceback.walk_tb(error.__traceback__)]
    own, library = _files_of(home), _files_of("torch")
    for wanted in (
        [at for at in frames if own and at[0].is_relative_to(own)],
        [at for at in frames if not (library and at[0].is_relative_to(library))],
        frames,
    ):
        if wanted:
            path, line = wanted[-1]
            return f" ({path.name}:{line})"
    return ""


def _files_of(module: str) -> Path | None:
    """The folder of a module's package, or the file of a module that has none."""
    top = sys.modules.get(module.partition(".")[0])
    file = getattr(top, "__file__", None)
    if file is None:
        return None
    return Path(file).parent if hasattr(top, "__path__") else Path(file)
