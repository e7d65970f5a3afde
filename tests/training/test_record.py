from __future__ import annotations

import csv

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rawbench.training.record import CsvLog, Means, Recorder


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_columns_come_as_they_come(tmp_path):
    log = CsvLog(tmp_path / "log.csv")
    log.add({"step": 1, "a": 2})
    log.add({"step": 2, "b": 3})
    assert rows(log.path) == [{"step": "1", "a": "2", "b": ""}, {"step": "2", "a": "", "b": "3"}]


def test_a_resumed_log_forgets_what_came_after_the_checkpoint(tmp_path):
    path = tmp_path / "log.csv"
    log = CsvLog(path)
    for step in (10, 20, 30):
        log.add({"step": step})
    CsvLog(path, until=20).add({"step": 25})
    assert [row["step"] for row in rows(path)] == ["10", "20", "25"]
    CsvLog(path).add({"step": 1})
    assert [row["step"] for row in rows(path)] == ["1"]


def test_means_are_over_the_steps_that_have_a_scalar():
    means = Means()
    means.add({"a": torch.tensor(1.0, requires_grad=True), "b": 2})
    means.add({})
    means.add({"a": 3.0})
    assert means.take() == {"a": 2.0, "b": 2.0}
    assert means.take() == {}


def test_figures_go_to_csv_tensorboard_and_text(tmp_path):
    lines: list[str] = []
    recorder = Recorder(tmp_path / "run", lines.append, None)
    recorder.add("train", {"step": 5, "seconds": 90.0, "progress": 0.5}, {"loss": 0.25}, "  (best)")
    recorder.close()
    assert lines == ["step 5  1.5 min  train: loss 0.25  (best)"]
    assert rows(tmp_path / "run" / "training_log.csv")[0]["train/loss"] == "0.25"
    board = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    board.Reload()
    assert [(event.step, event.value) for event in board.Scalars("train/loss")] == [(5, 0.25)]
