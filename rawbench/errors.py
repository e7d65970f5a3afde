"""What can go wrong, as one clear line each, and the exit code that the command line gives it.

Exit codes: 0 fine, 1 regression, 2 usage, 3 not comparable, 4 a method or cell failed,
5 internal error: what nobody expected, of rawbench or of a plugin.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class RawbenchError(Exception):
    """Base of every error that a user can cause or mend; its text is one line."""

    exit_code = 4


class UsageError(RawbenchError):
    """A name, option or argument that rawbench does not know or cannot accept."""

    exit_code = 2


class NotComparable(RawbenchError):
    """Two results that must not be compared: another dataset, schema or protocol, or nothing measured."""

    exit_code = 3


class StreamError(RawbenchError):
    """A stream that is cut, damaged, foreign, of another version or of other weights."""


class SampleError(RawbenchError):
    """An image, camera file or dataset entry that cannot be used."""


class PluginError(RawbenchError):
    """A plugin that cannot be loaded, or that breaks the contract."""

    exit_code = 2


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put a file's name before what is wrong with its stream or image.

    Example:
        >>> with naming(Path("a.rbs")):
        ...     raise StreamError("cut short")
        Traceback (most recent call last):
        rawbench.errors.StreamError: a.rbs: cut short
    """
    try:
        yield
    except (SampleError, StreamError) as error:
        raise type(error)(f"{path}: {error}") from error


def first_message(error: ValidationError) -> str:
    """Return pydantic's first complaint, without the prefix that it gives to our own sentences."""
    return error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")


def suggest(name: str, known: Iterable[str]) -> str:
    """The end of an error line for a name that is not known: near matches, then what exists.

    Example:
        >>> suggest("polly", ["poly", "lut"])
        '; did you mean poly? (known: lut, poly)'
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"{hint} (known: {', '.join(known) or 'none'})"
