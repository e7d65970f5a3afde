"""Programs that are called: once for each image, or one that stays and answers line by line.

What they print on stdout is theirs, but for lines that begin with ``rawbench:``. ``rawbench: record NAME VALUE`` keeps
a number beside the measurements; of a program that stays, ``rawbench: ready`` says that it is loaded,
``rawbench: ok`` that a request is done, and ``rawbench: error WHY`` that it failed. A request is a line of JSON.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from rawbench.errors import RawbenchError

MARK = "rawbench:"
# Another Python must not meet this one's modules.
FOREIGN = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
Record = Callable[[str, float], None]


class Failed(RawbenchError):
    """A program that ended with an exit code, said that it failed, or took too long."""


def clean_environment(own: Mapping[str, str], threads: int | None = None) -> dict[str, str]:
    """The environment of a program: this process's without what belongs to its Python, and the configuration's."""
    kept = {key: value for key, value in os.environ.items() if key not in FOREIGN}
    return {**kept, **({"OMP_NUM_THREADS": str(threads)} if threads else {}), **own}


def call(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float, record: Record
) -> None:
    """Run a program to its end in a folder.

    Raises:
        Failed: exit code or time-out, with the end of what it wrote on stderr.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = _start(arguments, folder, environment, subprocess.DEVNULL, out, err)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"took more than {seconds:g} seconds{_end_of(err)}") from None
        finally:
            _kill(process)
        if code:
            raise Failed(_how_it_ended(code) + _end_of(err))
        out.seek(0)
        for line in out.read().decode(errors="replace").splitlines():
            note(line, record)


class Served:
    """A program that stays: started once, then a request and an answer for each image."""

    def __init__(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float, record: Record
    ) -> None:
        """Start it and wait until it is ready.

        Raises:
            Failed: it ended, or was not ready in time.
        """
        self._seconds, self._record = seconds, record
        self._rest = b""
        self._err = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        self._process = _start(arguments, folder, environment, subprocess.PIPE, subprocess.PIPE, self._err)
        try:
            self._wait("ready")
        except BaseException:
            self.stop()
            raise

    def ask(self, request: Mapping[str, Any]) -> None:
        """Send a request and wait for its end.

        Raises:
            Failed: it says so, it ended, or it took too long; then it is no longer there.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            raise Failed(f"ended before it was asked{_end_of(self._err)}") from None
        self._wait("ok")

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it; asking again is an error."""
        _kill(self._process)
        for stream in (self._process.stdin, self._process.stdout, self._err):
            with suppress(OSError):
                if stream is not None:
                    stream.close()

    def _wait(self, wanted: str) -> None:
        """Read lines until the wanted one."""
        limit = time.monotonic() + self._seconds
        while True:
            word, _, rest = note(self._line(limit), self._record)
            if word == wanted:
                return
            if word == "error":
                raise Failed(f"says: {rest.strip() or 'no reason'}")

    def _line(self, limit: float) -> str:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                if not selector.select(max(0.0, limit - time.monotonic())):
                    self.stop_and_raise(f"took more than {self._seconds:g} seconds")
                read = os.read(self._process.stdout.fileno(), 65536)
                if not read:
                    with suppress(subprocess.TimeoutExpired):
                        self._process.wait(5)
                    code = self._process.poll()
                    self.stop_and_raise("closed its output" if code is None else _how_it_ended(code))
                self._rest += read
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="replace")

    def stop_and_raise(self, what: str) -> None:
        """End it and say why, with the end of what it wrote on stderr."""
        told = _end_of(self._err)
        self.stop()
        raise Failed(f"{what}{told}")


def note(line: str, record: Record) -> tuple[str, str, str]:
    """What a line of stdout says to rawbench: (word, " ", rest), of which ``record`` is done at once."""
    if not line.startswith(MARK):
        return "", "", ""
    word, space, rest = line.removeprefix(MARK).strip().partition(" ")
    if word == "record":
        name, _, value = rest.strip().rpartition(" ")
        try:
            record(name.strip(), float(value))
        except ValueError:
            raise Failed(f"printed {line.strip()!r}, which is not {MARK} record NAME NUMBER") from None
    return word, space, rest


def _start(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], stdin: int, out: IO[bytes] | int,
    err: IO[bytes],
) -> subprocess.Popen[bytes]:  # fmt: skip
    try:
        # A session of its own: what it starts can be ended with it.
        return subprocess.Popen(list(arguments), cwd=folder, env=dict(environment), stdin=stdin, stdout=out, stderr=err,
                                start_new_session=True)  # fmt: skip
    except OSError as error:
        raise Failed(f"cannot be started: {arguments[0]}: {error.strerror}") from None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started."""
    if process.poll() is not None:
        return  # its number may be another's by now
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)


def _how_it_ended(code: int) -> str:
    if code < 0:
        with suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _end_of(err: IO[bytes], lines: int = 3, characters: int = 300) -> str:
    """The end of stderr as the end of a message, on one line."""
    err.seek(0, os.SEEK_END)
    err.seek(max(0, err.tell() - 4096))
    told = [line.strip() for line in err.read().decode(errors="replace").splitlines() if line.strip()]
    text = " | ".join(told[-lines:])[-characters:]
    return f": {text}" if text else ", and said nothing"
