"""Starting, watching and ending the processes in which a method is put to the test."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from rawbench.errors import RawbenchError

START_SECONDS = 120.0
POLL_SECONDS = 0.05

# Where temporary files go; torch hands the place of its compiler's on to the processes that it starts.
_TEMPORARY = ("TMPDIR", "TEMP", "TMP", "TORCHINDUCTOR_CACHE_DIR")

# What the second surroundings differ in; a stream must decode to the same raw in both.
SURROUNDINGS: dict[str, dict[str, str]] = {
    "usual": {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1"},
    "other": {
        "PYTHONHASHSEED": "2",
        "OMP_NUM_THREADS": "2",
        "ATEN_CPU_CAPABILITY": "default",
        "PYTHONUTF8": "1",
        "LANG": "de_DE.UTF-8",
        "LC_ALL": "de_DE.UTF-8",
        "USER": "somebody",
        "LOGNAME": "somebody",
        "TZ": "Pacific/Auckland",
    },
}


class Launcher:
    """Runs jobs in fresh processes, under a limit of time for each step. A context manager.

    Processes come from one zygote (see ``rawbench.testing.zygote``) for each of ``SURROUNDINGS``. A launcher may
    serve many methods, one after the other.
    """

    def __init__(self) -> None:
        self._zygotes: dict[str, _Zygote] = {}
        self.root = Path(tempfile.mkdtemp(prefix="rawbench-check-"))

    def __enter__(self) -> Launcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every process and remove every file."""
        for zygote in self._zygotes.values():
            zygote.close()
        self._zygotes.clear()
        shutil.rmtree(self.root, ignore_errors=True)

    def folder(self, name: str) -> Path:
        """A new folder for one job, with the places ``work`` (its current folder) and ``temporary`` in it."""
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.root))
        for place in ("work", "temporary", "out"):
            (folder / place).mkdir()
        return folder

    def run(
        self, folder: Path, job: Mapping[str, Any], surroundings: str, limits: Mapping[str, float]
    ) -> list[dict[str, Any]]:
        """Run a job to its end, or to the end of its patience.

        Args:
            folder: from ``folder``.
            job: what ``rawbench.testing.witness`` reads.
            surroundings: a key of ``SURROUNDINGS``.
            limits: seconds that one step may take, by its action; ``""`` for all others.

        Returns:
            The records of the steps that ended; where the process did not come to its end, the last is that of
            the step in which it hung or died, with ``error`` and ``ended`` (``hung`` or ``died``).
        """
        if surroundings not in self._zygotes:
            self._zygotes[surroundings] = _Zygote(SURROUNDINGS[surroundings])
        report = folder / "report.jsonl"
        report.touch()
        temporary = str(folder / "temporary")
        whole = {
            **job,
            "report": str(report),
            "out": str(folder / "out"),
            "folder": str(folder / "work"),
            "environment": {**dict.fromkeys(_TEMPORARY, temporary), "RAWBENCH_PLUGINS": ""},
            "sys_path": [entry for entry in sys.path if entry],
        }
        path = folder / "job.json"
        path.write_text(json.dumps(whole))
        ended = self._zygotes[surroundings].run(path, report, limits)
        return _records(report, ended, folder / "output.txt")


class _Zygote:
    """One zygote process, from the parent's side."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        paths = os.pathsep.join(entry for entry in sys.path if entry)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "rawbench.testing.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths, **environment},
            start_new_session=True,
        )
        self._buffer = b""

    def run(self, job: Path, report: Path, limits: Mapping[str, float]) -> str:
        """Fork for a job and watch it; "" when it ended well, else ``hung``, ``exit N`` or ``signal N``."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{job}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            self._give_up()
        pid = int(self._line(START_SECONDS) or self._give_up())
        hung = False
        watch = _Watch(report, limits)
        try:
            while (line := self._line(POLL_SECONDS)) is None:
                if watch.overdue() and not hung:
                    hung = True
                    _kill_group(pid)
        except BaseException:
            _kill_group(pid)
            raise
        _kill_group(pid)
        status = int(line)
        if hung or status == 0:
            return "hung" if hung else ""
        return f"signal {-status}" if status < 0 else f"exit {status}"

    def _line(self, seconds: float) -> str | None:
        """The zygote's next line, or None when there is none in time."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(self._process.stdout.fileno(), 4096) if ready else b""
            self._buffer += chunk
            if ready and not chunk:
                self._give_up()
            if not ready and time.monotonic() >= deadline:
                return None
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()

    def _give_up(self) -> NoReturn:
        self.close()
        raise RawbenchError("the process that starts the checks cannot start or died; its last words are above")

    def close(self) -> None:
        """It holds nothing that is worth a tidy end."""
        _kill_group(self._process.pid)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()


class _Watch:
    """Tells when the step that a report began last has taken too long."""

    def __init__(self, report: Path, limits: Mapping[str, float]) -> None:
        self._report, self._limits = report, limits
        self._size = -1
        self._since = time.monotonic()
        self._limit = limits[""]

    def overdue(self) -> bool:
        size = self._report.stat().st_size
        now = time.monotonic()
        if size != self._size:
            self._size, self._since = size, now
            with self._report.open("rb") as file:
                file.seek(max(0, size - 4096))
                last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
            action = ""
            with contextlib.suppress(ValueError):
                action = json.loads(last).get("begin", {}).get("action", "")
            self._limit = self._limits.get(action, self._limits[""])
        return now - self._since > self._limit


def _records(report: Path, ended: str, output: Path) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    open_step: dict[str, Any] | None = None
    for line in report.read_text().splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue  # the line that a killed process was writing
        open_step = record.get("begin")
        if open_step is None:
            records.append(record)
    if ended:
        step = open_step or {"action": "start"}
        what = "hung" if ended == "hung" else "died"
        records.append({**step, "ended": what, "error": _how(ended, output)})
    return records


def _how(ended: str, output: Path) -> str:
    if ended == "hung":
        return "it did not end in time"
    kind, _, number = ended.partition(" ")
    how = f"the process died ({signal.Signals(int(number)).name})" if kind == "signal" else f"the process {ended}ed"
    said = output.read_text(errors="replace").strip().splitlines() if output.exists() else []
    return f"{how}: {said[-1]}" if said else how


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
