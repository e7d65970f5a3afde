"""A local Ray of two workers: every job is answered, a lost actor loses its own, and a run is the same as any other."""

from __future__ import annotations

import pytest

from rawbench.errors import UsageError
from rawbench.executor import Work, WorkerDied
from rawbench.executors.process import Process
from rawbench.executors.ray import Ray
from rawbench.results.run import read_run

from .test_process import slow_start, square, square_or_die, square_or_hang

pytest.importorskip("ray")


def test_every_job_is_answered_and_a_dead_actor_loses_its_own():
    answers = dict(Ray(jobs=2).map_unordered(square_or_die, range(6)))
    lost = answers.pop(3)
    assert isinstance(lost, WorkerDied) and lost.status == "error" and "\n" not in lost.reason
    assert answers == {number: square(number) for number in (0, 1, 2, 4, 5)}


def test_a_late_actor_loses_its_own_job_and_its_start_does_not_count():
    answers = dict(Ray(jobs=2, timeout_seconds=2).map_unordered(Work(square_or_hang, slow_start), range(2, 5)))
    assert answers == {2: 4, 3: WorkerDied("timeout", "took more than 2 s"), 4: 16}


def test_an_address_is_for_clusters():
    with pytest.raises(UsageError, match="executor process runs cells on this machine: no --address"):
        Process(jobs=2, address="auto")


def test_a_run_is_the_same_as_from_one_process(call, tmp_path):
    run = ("run", "--methods", "mean,poly", "--rate-points", "0,1", "--dataset", "tiny", "--limit", "2")
    rows = {}
    for name, more in (("serial", ()), ("process", ("-j", "2")), ("ray", ("-j", "2", "--executor", "ray"))):
        ended = call(*run, "--out", name, *more)
        assert ended.code == 0, ended.err
        rows[name] = (call("table", name).out, [(row.place, row.values) for row in read_run(tmp_path / name).rows])
    assert rows["serial"] == rows["process"] == rows["ray"]


def test_no_cluster_at_an_address_is_one_line(call):
    ended = call("run", "--methods", "mean", "--dataset", "tiny", "--executor", "ray", "--address", "127.0.0.1:1")
    assert ended.code == 2 and "no Ray cluster at 127.0.0.1:1" in ended.err and len(ended.err.splitlines()) == 1


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:x"])
def test_what_is_no_address(address):
    with pytest.raises(UsageError, match=f"no Ray cluster at {address}: "):
        next(Ray(address=address).map_unordered(square, [1]))
