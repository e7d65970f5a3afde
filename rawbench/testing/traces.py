"""What a method touches besides its arguments: files, databases, shared memory, native code, the network, the clock."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rawbench.testing.surroundings import shift_clock

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_HARMLESS = ("/dev/", "/proc/", "/sys/")
_SHARED = ("/dev/shm/", "/memfd:")
_PLACES_OF_THE_SYSTEM = (*_HARMLESS, "/etc/", "/usr/", "/opt/", "/lib", "/var/lib/", "/nix/")
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2): children of children that end are ours
# Events that leave something in the file system, and which of their arguments names it.
_LEAVES = {"os.rename": 1, "os.mkdir": 0, "os.link": 1, "os.symlink": 1, "os.utime": 0, "os.setxattr": 0}
_LEAVES |= {"os.chmod": 0, "os.truncate": 0}


class Traces:
    """Listens while ``watching``. An audit hook cannot be removed: for processes that end after their job.

    Attributes:
        written: files that were opened for writing, made, renamed to or given other facts.
        read: files that were opened for reading.
        connected: addresses that were connected or bound to.
        databases: that were opened.
        shared: shared memory that was mapped.
        native: libraries that code that is no library's loaded by ctypes; outside of watching, the system's own alone.
        clock: functions of ``time`` and ``datetime`` that told the time of day.
    """

    def __init__(self) -> None:
        self.written: set[str] = set()
        self.read: set[str] = set()
        self.connected: set[str] = set()
        self.databases: set[str] = set()
        self.shared: set[str] = set()
        self.native: set[str] = set()
        self.clock: set[str] = set()
        self._on = False
        self._packages = _package_folders()

    def install(self, clock_offset_seconds: float) -> None:
        """Listen from now on, and set the clock that Python code reads forward."""
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
        sys.addaudithook(self._hear)
        shift_clock(clock_offset_seconds, self._note)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take note of what happens inside."""
        self._on = True
        try:
            yield
        finally:
            self._on = False

    def left_behind(self) -> list[str]:
        """What was written while watching and is still there; folders for temporary files count by what is in them."""
        kept = [path for path in self.written if "__pycache__" not in path and not _is_harmless(path)]
        temporary = (f"{os.environ.get('TMPDIR', '/tmp')}/", f"{tempfile.gettempdir()}/")
        return sorted(
            path
            for path in kept
            if os.path.lexists(path) and not (f"{path}/".startswith(temporary) and os.path.isdir(path))
        )

    def strange_reads(self, known: Callable[[str], bool]) -> list[str]:
        """Data files that were read while watching and are neither Python's, the system's nor known."""
        roots = {sys.prefix, sys.base_prefix, sys.exec_prefix, *self._packages}
        return sorted(
            path
            for path in self.read
            if not path.startswith((*_PLACES_OF_THE_SYSTEM, *(f"{root}/" for root in roots)))
            and not {"site-packages", "dist-packages", "__pycache__"} & set(path.split("/"))
            and not path.endswith((".py", ".pyc", ".so"))
            and not known(path)
        )

    def _note(self, name: str) -> None:
        if self._on:
            self.clock.add(name)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "ctypes.dlopen" and (self._on or _is_of_the_system(arguments[0])) and _called_by_local_code():
            self.native.add(str(arguments[0]))
        if not self._on:
            return
        if event == "open" and isinstance(arguments[0], str | bytes):
            path = os.path.abspath(os.fsdecode(arguments[0]))
            (self.written if arguments[2] & _WRITES else self.read).add(path)
        elif event in _LEAVES and isinstance(arguments[_LEAVES[event]], str | bytes | os.PathLike):
            self.written.add(os.path.abspath(os.fsdecode(arguments[_LEAVES[event]])))
        elif event in ("socket.connect", "socket.bind"):
            self.connected.add(str(arguments[1]))
        elif event == "sqlite3.connect" and arguments[0] not in (":memory:", b":memory:"):
            self.databases.add(str(arguments[0]))
        elif event == "mmap.__new__" and (path := _path_of(arguments[0])).startswith(_SHARED):
            self.shared.add(path)


def _package_folders() -> set[str]:
    """Where an installer put packages: ``site-packages``, or what ``pip install --target`` filled, on PYTHONPATH."""
    return {os.path.abspath(folder) for folder in sys.path if any(Path(folder).glob("*.dist-info/RECORD"))}


def _is_harmless(path: str) -> bool:
    return path.startswith(_HARMLESS) and not path.startswith(_SHARED)


def _path_of(descriptor: Any) -> str:
    with suppress(OSError, TypeError):
        return os.readlink(f"/proc/self/fd/{descriptor:d}")
    return ""


def _is_of_the_system(library: Any) -> bool:
    """Whether it is what every process has loaded: by it, code can call the system unheard."""
    return library is None or os.path.basename(str(library)).startswith("libc.")


def _called_by_local_code() -> bool:
    """Whether the caller of ctypes is no library's code."""
    frame = sys._getframe(2)
    while frame is not None and "ctypes" in Path(frame.f_code.co_filename).parts:
        frame = frame.f_back  # type: ignore[assignment]
    file = frame.f_code.co_filename if frame is not None else "<"
    return not {"site-packages", "dist-packages"} & set(file.split("/")) and not file.startswith(("<", sys.base_prefix))


def living_children() -> list[str]:
    """The command lines of processes that were started here and still run; they are ended."""
    found = []
    own = os.getpid()
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            _, _, rest = (path / "stat").read_text().rpartition(")")
            state, parent = rest.split()[:2]
            if int(parent) == own and state != "Z":
                command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                found.append(command or path.name)
                os.kill(int(path.name), signal.SIGKILL)
    return sorted(found)


def files_below(*folders: str) -> set[str]:
    """Every file in some folders, for what native code leaves there unheard."""
    return {str(path) for folder in folders for path in Path(folder).rglob("*") if path.is_file()}
