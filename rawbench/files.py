"""Files that are whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from rawbench.errors import RawbenchError, UsageError


def write_atomically(path: Path, data: bytes | memoryview, durable: bool = False) -> None:
    """Write a file through a temporary one beside it, so that no half-written file stays.

    Args:
        path: file to write; an older one is replaced when the new one is complete.
        data: all of it.
        durable: on the disk before it replaces the old one: also a machine that loses power keeps one of the two.

    Raises:
        RawbenchError: names the file and the cause (disk full, no permission, no such folder).
    """
    write_parts(path, (data,), durable)


def write_parts(path: Path, parts: Iterable[Any], durable: bool = False) -> None:
    """Write a file as :func:`write_atomically` does, from parts (bytes, arrays) that are made one after the other.

    Raises:
        RawbenchError: names the file and the cause.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            for part in parts:
                file.write(part)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise RawbenchError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            temporary.unlink()


def shipped(name: str) -> Path:
    """A file or folder of ``results/``: the copy inside of an installed package, or that of the checkout."""
    package = Path(__file__).parent
    installed = package / "shipped" / name
    return installed if installed.exists() else package.parent / "results" / name


def read_bytes(path: Path) -> bytes:
    """A file's bytes.

    Raises:
        RawbenchError: names the file and the cause.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise RawbenchError(f"cannot read {path}: {error.strerror or error}") from None


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; a byte order mark, which editors on Windows write, is no part of it.

    Raises:
        UsageError: names the file and the cause.
    """
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no valid TOML: {error}") from None
