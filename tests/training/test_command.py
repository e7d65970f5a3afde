from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from rawbench.errors import UsageError
from rawbench.training import train
from rawbench.training.checkpoint import load_checkpoint

from .tiny import PlainTask, TinyTask

TINY = Path(__file__).with_name("tiny.py")
DATA = '[data]\nframes = "{frames}"\npatch = 32\nbatch = 2\nvalidation_batches = 2\n'


def configuration(folder: Path, frames: Path, fit: str, log_every: int = 50) -> Path:
    path = folder / "config.toml"
    path.write_text(DATA.format(frames=frames) + f"[task]\nwidth = 4\n[fit]\nlog_every = {log_every}\n{fit}\n")
    return path


def start(*arguments: object, threads: int = 1) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, str(TINY), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_configuration_becomes_a_run(tmp_path, frames_folder):
    config = configuration(tmp_path, frames_folder, "steps = 8\nvalidate_every = 4")
    lines: list[str] = []
    result = train(TinyTask, config, tmp_path / "run", echo=lines.append)
    assert result.finished and "8 steps in" in lines[-1]
    state = load_checkpoint(tmp_path / "run" / "checkpoint.pt")
    assert state["identity"]["[task]"] == {"rate": 0.01, "width": 4}
    again = train(TinyTask, config, tmp_path / "again", echo=lines.append)
    other = load_checkpoint(again.weights.with_name("checkpoint.pt"))
    assert all(torch.equal(value, other["model"][name]) for name, value in state["model"].items())


def test_a_changed_task_table_is_not_resumed(tmp_path, frames_folder):
    config = configuration(tmp_path, frames_folder, "steps = 8")
    train(TinyTask, config, tmp_path / "run", echo=lambda line: None)
    config.write_text(config.read_text().replace("width = 4", "width = 5"))
    with pytest.raises(UsageError, match=r"was trained with another \[task\]"):
        train(TinyTask, config, tmp_path / "run", resume=True, echo=lambda line: None)


def test_a_bad_configuration(tmp_path, frames_folder):
    config = configuration(tmp_path, frames_folder, "stepz = 8")
    with pytest.raises(UsageError, match="fit.stepz"):
        train(TinyTask, config, tmp_path / "run")


@pytest.mark.slow
def test_a_terminated_process_ends_well_and_goes_on(tmp_path, frames_folder):
    config = configuration(tmp_path, frames_folder, "steps = 1500\nvalidate_every = 500")
    out = tmp_path / "run"
    process = start(config, out)
    log = out / "training_log.csv"
    while process.poll() is None and not (log.is_file() and len(log.read_text().splitlines()) > 2):
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    text, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    stopped = load_checkpoint(out / "checkpoint.pt")["step"]
    assert 50 <= stopped < 1500 and f"stopped at step {stopped};" in text
    text, errors = (resumed := start(config, out, "--resume")).communicate(timeout=300)
    assert resumed.returncode == 0, errors
    assert f"resumed at step {stopped} of 1500" in text and "1500 steps in" in text


@pytest.mark.slow
def test_two_processes_train_as_one_with_the_double_batch(tmp_path, frames_folder):
    """Two ranks of gloo, which share each step's patches, have the loss curve of one that has them all."""
    fit = "steps = 12\nvalidate_every = 6\nseed = 2"
    config = configuration(tmp_path, frames_folder, f"{fit}\ndevices = 2", log_every=1)
    process = start(config, tmp_path / "two", "--plain")
    text, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert text.count("12 steps in") == 1
    state = load_checkpoint(tmp_path / "two" / "checkpoint.pt")
    assert state["step"] == 12 and state["best"]["step"] > 0
    config = configuration(tmp_path, frames_folder, fit, log_every=1)
    config.write_text(config.read_text().replace("batch = 2\nvalidation", "batch = 4\nvalidation"))
    torch.manual_seed(0)
    train(PlainTask, config, tmp_path / "one", echo=lambda line: None)
    two, one = (losses(tmp_path / name) for name in ("two", "one"))
    assert len(one) == 12 and one[-1] < one[0] and two == pytest.approx(one, rel=1e-4)


def losses(out: Path) -> list[float]:
    with (out / "training_log.csv").open(newline="") as file:
        return [float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]]
