"""Files that are whole or not there."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from rawbench.errors import RawbenchError


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file through a temporary one beside it, so that no half-written file stays.

    Raises:
        RawbenchError: names the file and the cause (disk full, no permission, no such folder).
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise RawbenchError(f"cannot write {path}: {error.strerror or error}") from None


def read_bytes(path: Path) -> bytes:
    """A file's bytes.

    Raises:
        RawbenchError: names the file and the cause.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise RawbenchError(f"cannot read {path}: {error.strerror or error}") from None
