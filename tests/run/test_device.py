"""Which card a run gets: names, counted from 0 among those that may be used; none is asked, a count is made up."""

from __future__ import annotations

import os
from functools import partial

import pytest
import torch

from rawbench.errors import UsageError
from rawbench.executor import Work
from rawbench.executors.process import Process
from rawbench.executors.serial import Serial
from rawbench.run.config import make_config
from rawbench.run.device import resolve_device, take_gpu, visible_gpus

VISIBLE = "CUDA_VISIBLE_DEVICES"


@pytest.fixture(autouse=True)
def two_cards(monkeypatch):
    monkeypatch.delenv(VISIBLE, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: os.environ.get(VISIBLE, "0") in ("0", "1", "GPU-b"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def test_a_card_by_its_number_is_the_one_that_is_seen():
    assert visible_gpus() == ["0", "1"]
    assert resolve_device("cuda") == "cuda" and VISIBLE not in os.environ
    assert resolve_device("cuda:1") == "cuda" and os.environ[VISIBLE] == "1" and visible_gpus() == ["1"]


def test_numbers_count_those_that_the_variable_names(monkeypatch):
    monkeypatch.setenv(VISIBLE, "GPU-a, GPU-b")
    assert visible_gpus() == ["GPU-a", "GPU-b"]
    assert resolve_device("cuda:1") == "cuda" and os.environ[VISIBLE] == "GPU-b"
    with pytest.raises(UsageError, match="--device cuda:1: CUDA_VISIBLE_DEVICES names 1 devices, counted from 0"):
        resolve_device("cuda:1")


def test_a_card_that_is_not_there():
    with pytest.raises(UsageError, match="--device cuda:5: this machine has no CUDA device 5 that torch can use"):
        resolve_device("cuda:5")


@pytest.mark.parametrize("name", ["cuda:", "cuda:x", "cuda:1:2", "gpu", "CUDA"])
def test_what_is_no_device(name, call):
    with pytest.raises(UsageError, match="device"):
        make_config({"methods": "poly", "device": name}, "x.toml")
    ended = call("run", "--methods", "mean", "--dataset", "tiny", "--device", name)
    assert ended.code == 2 and f"{name!r} is not one of auto, cpu, cuda, cuda:N." in ended.err


def test_a_device_by_its_number_is_said_to_be_missing(call):
    ended = call("run", "--methods", "mean", "--dataset", "tiny", "--device", "cuda:7")
    assert (
        ended.code == 2
        and ended.err == "rawbench: --device cuda:7: this machine has no CUDA device 7 that torch can use\n"
    )


def seen(number: int) -> str:
    if number == 2:
        os._exit(1)
    return os.environ[VISIBLE]


def nothing(number: int) -> None:
    """What comes before a job."""


def test_each_worker_has_a_card_of_its_own_and_keeps_it():
    work = Work(seen, nothing, 1, partial(take_gpu, ["0", "1"]))
    answers = dict(Process(jobs=2).map_unordered(work, range(12)))
    del answers[2]
    assert set(answers.values()) == {"0", "1"}
    alone = dict(Process(jobs=1).map_unordered(work, range(4)))
    assert {alone[0], alone[1], alone[3]} == {"0"}, "the one in the place of a lost one too"


def test_more_workers_than_cards_share_them(monkeypatch):
    taken = []
    for worker in range(4):
        take_gpu(["0", "1"], worker)
        taken.append(os.environ[VISIBLE])
    assert taken == ["0", "1", "0", "1"]
    monkeypatch.delenv(VISIBLE)
    take_gpu([], 3)
    assert VISIBLE not in os.environ


def test_one_process_takes_the_first_card_as_it_is():
    assert list(Serial().map_unordered(Work(visible, nothing, 1, partial(take_gpu, ["0", "1"])), [0])) == [(0, "none")]


def visible(number: int) -> str:
    return os.environ.get(VISIBLE, "none")
