"""Worker processes: every job is answered, and a lost worker loses its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rawbench.errors import UsageError
from rawbench.executor import Work, WorkerDied
from rawbench.executors.process import Process
from rawbench.executors.serial import Serial


def square(number: int) -> int:
    return number * number


def square_or_die(number: int) -> int:
    if number == 3:
        os._exit(7)
    return square(number)


def square_or_hang(number: int) -> int:
    if number == 3:
        time.sleep(60)
    return square(number)


def test_both_executors_answer_every_job():
    expected = {number: square(number) for number in range(10)}
    assert dict(Serial().map_unordered(square, range(10))) == expected
    assert dict(Process(jobs=2).map_unordered(square, range(10))) == expected


def test_more_workers_than_jobs():
    assert dict(Process(jobs=3).map_unordered(square, [4])) == {4: 16}
    assert list(Process(jobs=2).map_unordered(square, [])) == []


def test_a_dead_worker_loses_its_own_job():
    answers = dict(Process(jobs=2).map_unordered(square_or_die, range(6)))
    assert answers.pop(3) == WorkerDied("error", "the worker ended with exit code 7")
    assert answers == {number: square(number) for number in (0, 1, 2, 4, 5)}


def test_a_late_worker_loses_its_own_job():
    answers = dict(Process(jobs=2, timeout_seconds=5).map_unordered(square_or_hang, range(6)))
    assert answers.pop(3) == WorkerDied("timeout", "took more than 5 s")
    assert answers == {number: square(number) for number in (0, 1, 2, 4, 5)}


def slow_start(number: int) -> None:
    time.sleep(3)


def test_the_time_limit_counts_neither_the_start_of_a_worker_nor_what_prepares_a_job():
    work = Work(square, slow_start)
    assert dict(Process(jobs=2, timeout_seconds=1.5).map_unordered(work, range(2))) == {0: 0, 1: 1}


def test_an_executor_that_cannot_keep_a_time_limit_says_so():
    with pytest.raises(UsageError, match="executor serial cannot end a cell that takes too long"):
        Serial(1, timeout_seconds=2)


def environment(name: str) -> str | None:
    return os.environ.get(name)


def test_a_worker_has_the_environment_of_its_driver(monkeypatch):
    for value in ("one", "two"):
        monkeypatch.setenv("RAWBENCH_TEST", value)
        assert dict(Process().map_unordered(environment, ["RAWBENCH_TEST"])) == {"RAWBENCH_TEST": value}


def test_a_script_without_a_guard_is_not_run_again(tmp_path):
    """As people write them: the program calls rawbench at its top level."""
    script = tmp_path / "script.py"
    script.write_text(
        "print('begun', flush=True)\n"
        "from tests.executors.test_process import square\n"
        "from rawbench.executors.process import Process\n"
        "print(sorted(answer for _, answer in Process(jobs=2).map_unordered(square, [1, 2, 3])), flush=True)\n"
    )
    ran = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert ran.stdout == "begun\n[1, 4, 9]\n" and not ran.stderr
