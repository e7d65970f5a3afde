from __future__ import annotations

import csv
import json
import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from rawbench.errors import RawbenchError, SampleError, UsageError
from rawbench.training import DataConfig, FitConfig, Task, fit
from rawbench.training.checkpoint import load_checkpoint

from .tiny import TinyTask, read_manifest, write_manifest


def task(cls: type = TinyTask, **config):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return cls(cls.Config(**config))


def run(folder: Path, out: Path, one=None, *, resume=False, stop_at_step=None, data=None, **config):
    config = {"steps": 20, "validate_every": 4, "log_every": 5, "seed": 3, **config}
    data = DataConfig(frames=folder, patch=32, batch=2, validation_batches=2, **(data or {}))
    one = one or task()
    lines: list[str] = []
    result = fit(one, data, FitConfig(**config), out, resume=resume, stop_at_step=stop_at_step, echo=lines.append)
    return one, result, lines


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def weights(path: Path) -> dict[str, torch.Tensor]:
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def test_the_tiny_task_has_the_form_of_a_task():
    assert isinstance(task(), Task)


def test_a_run_learns_and_leaves_its_files(frames_folder, tmp_path):
    one, result, lines = run(frames_folder, tmp_path / "run", steps=60)
    assert result.finished and result.step == 60 and one.initialised_with == 3
    names = {path.name for path in result.weights.parent.iterdir()}
    assert names == {
        "checkpoint.pt",
        "tensorboard",
        "training.json",
        "training_log.csv",
        "weights.safetensors",
        "weights.txt",
    }
    with (tmp_path / "run" / "training_log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    objectives = [float(row["validation/objective"]) for row in rows if row["validation/objective"]]
    assert len(objectives) == 16 and min(objectives) == pytest.approx(result.best["figures"]["objective"], rel=1e-5)
    assert min(objectives) < objectives[0] / 3
    assert lines[0].startswith("step 0  0.0 min  validation: objective")


@pytest.mark.parametrize("stops", [[10], [1, 7, 13]])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_run_is_the_unbroken_one_bit_for_bit(frames_folder, tmp_path, stops, workers):
    whole, _, _ = run(frames_folder, tmp_path / "whole")
    parts = {"data": {"workers": workers}}
    for stop in stops:
        _, result, _ = run(frames_folder, tmp_path / "parts", resume=stop != stops[0], stop_at_step=stop, **parts)
        assert not result.finished and result.step == stop and result.weights is None
    torch.manual_seed(99)  # what the process drew before must not matter
    last, result, _ = run(frames_folder, tmp_path / "parts", resume=True, **parts)
    assert result.finished
    assert equal(last.model.state_dict(), whole.model.state_dict())
    first, second = (load_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("whole", "parts"))
    assert first["best"]["step"] == second["best"]["step"] and equal(first["best"]["model"], second["best"]["model"])
    for a, b in zip(first["optimizers"], second["optimizers"], strict=True):
        assert a["param_groups"] == b["param_groups"]
        assert all(equal(a["state"][key], b["state"][key]) for key in a["state"])


class Terminated(TinyTask):
    """Gets SIGTERM in the middle of one step."""

    at = -1

    def loss(self, batch, step, generator):
        if step == self.at:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().loss(batch, step, generator)


def test_a_terminated_run_ends_after_its_step_and_goes_on_exactly(frames_folder, tmp_path, monkeypatch):
    whole, _, _ = run(frames_folder, tmp_path / "whole", task(Terminated))
    monkeypatch.setattr(Terminated, "at", 8)
    _, result, lines = run(frames_folder, tmp_path / "parts", task(Terminated))
    assert (result.finished, result.step) == (False, 9) and lines[-1].startswith("stopped at step 9")
    last, result, lines = run(frames_folder, tmp_path / "parts", task(Terminated), resume=True)
    assert result.finished and lines[0] == "resumed at step 9 of 20"
    assert equal(last.model.state_dict(), whole.model.state_dict())


def test_seeds_make_runs(frames_folder, tmp_path):
    runs = [run(frames_folder, tmp_path / str(i), seed=seed)[0].model for i, seed in enumerate((3, 3, 4))]
    assert equal(runs[0].state_dict(), runs[1].state_dict())
    assert not equal(runs[0].state_dict(), runs[2].state_dict())


def test_global_randomness_is_left_as_found(frames_folder, tmp_path):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    run(frames_folder, tmp_path / "run", steps=3)
    assert torch.equal(torch.get_rng_state(), before)


class WorseAndWorse(TinyTask):
    """Best at step 8: from there the objective is made to rise."""

    def validate(self, batch):
        step = int(self.model[1].num_batches_tracked)
        return {"objective": abs(step - 8) + 1.0, "step": step}


class NeverFinite(TinyTask):
    def validate(self, batch):
        return {"objective": float("nan")}


def test_the_validation_split_chooses_what_is_exported(frames_folder, tmp_path):
    one, result, _ = run(frames_folder, tmp_path / "run", task(WorseAndWorse))
    assert result.best == {"step": 8, "figures": {"objective": 1.0, "step": 8.0}}
    exported = weights(result.weights)
    assert int(exported["1.num_batches_tracked"]) == 8
    assert int(one.model[1].num_batches_tracked) == 20
    at_eight, _, _ = run(frames_folder, tmp_path / "until", task(WorseAndWorse), stop_at_step=8)
    assert equal(exported, at_eight.model.state_dict())


class PlateauTask(TinyTask):
    """Whose rate falls with each validation that is told, by a state that a checkpoint holds."""

    def __init__(self, config: TinyTask.Config) -> None:
        super().__init__(config)
        self.model.register_buffer("told", torch.zeros(()))

    def validated(self, figures):
        assert {"objective", "psnr"} <= set(figures)
        self.model.told += 1

    def schedule(self, progress):
        return 0.5 ** float(self.model.told)


def test_a_task_is_told_of_each_validation_and_remembers(frames_folder, tmp_path):
    whole, _, _ = run(frames_folder, tmp_path / "whole", task(PlateauTask))
    assert whole.model.told == 6  # at the start, and after 4, 8, 12, 16 and 20 steps
    run(frames_folder, tmp_path / "parts", task(PlateauTask), stop_at_step=10)
    resumed, _, _ = run(frames_folder, tmp_path / "parts", task(PlateauTask), resume=True)
    assert equal(resumed.model.state_dict(), whole.model.state_dict())


def test_an_objective_that_is_not_finite_chooses_nothing(frames_folder, tmp_path):
    _, result, _ = run(frames_folder, tmp_path / "run", task(NeverFinite))
    assert result.finished and result.weights is None and result.best["step"] == -1


def test_validation_repeats_exactly(frames_folder, tmp_path):
    class Still(TinyTask):
        Config = TinyTask.Config

        def schedule(self, progress):
            return 0.0

        def validate(self, batch):
            noise = torch.randn_like(batch["raw"])
            return {"objective": (batch["raw"] + noise + batch["srgb"]).square().mean()}

    run(frames_folder, tmp_path / "run", task(Still))
    with (tmp_path / "run" / "training_log.csv").open(newline="") as file:
        objectives = {row["validation/objective"] for row in csv.DictReader(file)} - {""}
    assert len(objectives) == 1


def test_no_objective(frames_folder, tmp_path):
    class Silent(TinyTask):
        def validate(self, batch):
            return {"psnr": 1.0}

    with pytest.raises(RawbenchError, match="Silent.validate.. gives no figure named objective"):
        run(frames_folder, tmp_path / "run", task(Silent))


class SometimesNaN(TinyTask):
    """Not finite at the given steps: the loss, or only its gradient."""

    def loss(self, batch, step, generator):
        loss, scalars = super().loss(batch, step, generator)
        if step in (2, 3):
            return loss * float("nan"), scalars
        if step == 5:  # a finite loss whose gradient is not: d sqrt(x) at 0
            return loss + (self.model[0].bias.sum() * 0).sqrt(), scalars
        return loss, scalars


class AlwaysNaN(TinyTask):
    def loss(self, batch, step, generator):
        loss, scalars = super().loss(batch, step, generator)
        return (loss * float("inf") if step >= 5 else loss), scalars


def test_steps_that_are_not_finite_are_skipped_and_counted(frames_folder, tmp_path):
    one, result, _ = run(frames_folder, tmp_path / "run", task(SometimesNaN))
    assert result.finished
    assert all(torch.isfinite(value).all() for value in one.model.state_dict().values())
    assert json.loads((tmp_path / "run" / "training.json").read_text())["skipped_steps"] == 3


def test_too_many_steps_in_a_row_end_the_run(frames_folder, tmp_path):
    with pytest.raises(RawbenchError, match="not finite in 7 steps in a row, up to step 11"):
        run(frames_folder, tmp_path / "run", task(AlwaysNaN), nonfinite_limit=7)
    state = load_checkpoint(tmp_path / "run" / "checkpoint.pt")
    assert all(torch.isfinite(value).all() for value in state["model"].values())


def test_gradients_are_clipped_and_groups_may_keep_their_rate(frames_folder, tmp_path):
    class Loud(TinyTask):
        def loss(self, batch, step, generator):
            loss, scalars = super().loss(batch, step, generator)
            return loss * 1e6, scalars

        def optimizers(self):
            self.groups = [
                {"params": self.model[0].parameters()},
                {"params": self.model[1:].parameters(), "scheduled": False},
            ]
            self.optimizer = torch.optim.SGD(self.groups, lr=1.0)
            return [self.optimizer]

    before = task(Loud).model.state_dict()
    one, _, _ = run(frames_folder, tmp_path / "run", task(Loud), stop_at_step=1, clip=0.01)
    assert [group["lr"] for group in one.optimizer.param_groups] == [1.0, 1.0]
    names = dict(one.model.named_parameters())
    change = torch.cat([(names[name] - before[name]).flatten() for name in names])
    assert float(change.norm().detach()) == pytest.approx(0.01, rel=1e-3)
    one, _, _ = run(frames_folder, tmp_path / "more", task(Loud), steps=4)
    assert [group["lr"] for group in one.optimizer.param_groups] == [0.25, 1.0]


def test_minutes_become_steps_and_are_kept(frames_folder, tmp_path):
    out = tmp_path / "run"
    _, result, lines = run(frames_folder, out, steps=None, minutes=0.03, validate_every=20)
    assert result.finished and result.step >= 1
    assert any(line.startswith("a step takes") for line in lines)
    report = json.loads((out / "training.json").read_text())
    assert report["plans"][0]["anchor_step"] == 0
    assert len(report["plans"]) == 1 + report["steps"] // 20
    assert report["steps"] == report["plans"][-1]["steps"]
    _, again, _ = run(frames_folder, out, steps=None, minutes=0.05, validate_every=20, resume=True)
    assert again.finished and again.step >= result.step and again.seconds > result.seconds


def test_measuring_the_step_leaves_no_trace(frames_folder, tmp_path):
    measured, _, _ = run(frames_folder, tmp_path / "a", steps=None, minutes=5, stop_at_step=0)
    plain, _, _ = run(frames_folder, tmp_path / "b", steps=10**6, stop_at_step=0)
    assert equal(measured.model.state_dict(), plain.model.state_dict())
    first, second = (load_checkpoint(tmp_path / name / "checkpoint.pt") for name in "ab")
    assert [state["state"] for state in first["optimizers"]] == [state["state"] for state in second["optimizers"]]


def test_a_budget_of_steps_can_be_changed_on_resume(frames_folder, tmp_path):
    run(frames_folder, tmp_path / "run", stop_at_step=10)
    _, result, _ = run(frames_folder, tmp_path / "run", resume=True, steps=30)
    assert result.finished and result.step == 30
    plans = json.loads((tmp_path / "run" / "training.json").read_text())["plans"]
    assert plans[1] == {"steps": 30, "anchor_step": 10, "anchor_progress": 0.5}


def test_weights_are_exported_meanwhile(frames_folder, tmp_path):
    run(frames_folder, tmp_path / "run", stop_at_step=12, export_every_minutes=1e-6)
    assert weights(tmp_path / "run" / "weights.safetensors")
    assert json.loads((tmp_path / "run" / "training.json").read_text())["steps"] == 12
    whole, _, _ = run(frames_folder, tmp_path / "whole", export_every_minutes=1e-6)
    plain, _, _ = run(frames_folder, tmp_path / "plain")
    assert equal(whole.model.state_dict(), plain.model.state_dict())


def test_a_run_starts_from_the_best_weights_of_another(frames_folder, tmp_path):
    first, result, _ = run(frames_folder, tmp_path / "first", task(WorseAndWorse))
    best = weights(result.weights)
    start = tmp_path / "first" / "checkpoint.pt"
    second, _, lines = run(frames_folder, tmp_path / "second", start_from=start, stop_at_step=0)
    assert equal(second.model.state_dict(), best) and "9 of 9 tensors" in lines[0]
    wider, _, lines = run(frames_folder, tmp_path / "wider", task(width=5), start_from=start, stop_at_step=0)
    assert f"2 of {len(wider.model.state_dict())} tensors" in lines[0]
    assert torch.equal(wider.model[2].bias, best["2.bias"])


def test_start_from_nothing_that_fits(frames_folder, tmp_path):
    torch.save({"model": {"other": torch.zeros(1)}}, tmp_path / "other.pt")
    with pytest.raises(UsageError, match="none of its weights fit"):
        run(frames_folder, tmp_path / "run", start_from=tmp_path / "other.pt")


def test_a_folder_with_a_run_is_not_overwritten(frames_folder, tmp_path):
    run(frames_folder, tmp_path / "run", stop_at_step=1)
    with pytest.raises(UsageError, match="holds a run already"):
        run(frames_folder, tmp_path / "run")


def test_nothing_to_resume(frames_folder, tmp_path):
    with pytest.raises(UsageError, match="there is no checkpoint"):
        run(frames_folder, tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("change", "name"),
    [({"seed": 4}, "seed"), ({"data": {"excluded_scenes": ("x",)}}, r"\[data\]"), ({"one": WorseAndWorse}, "task")],
)
def test_another_configuration_is_not_resumed(frames_folder, tmp_path, change, name):
    run(frames_folder, tmp_path / "run", stop_at_step=1)
    if "one" in change:
        change = {"one": task(change["one"])}
    with pytest.raises(UsageError, match=f"was trained with another {name}"):
        run(frames_folder, tmp_path / "run", resume=True, **change)


def test_other_frames_are_not_resumed(own_frames, tmp_path):
    run(own_frames, tmp_path / "run", stop_at_step=1)
    rows = read_manifest(own_frames)
    write_manifest(own_frames, rows[::-1])
    with pytest.raises(UsageError, match="was trained with another manifest digest"):
        run(own_frames, tmp_path / "run", resume=True)


def test_frames_of_a_test_split_are_never_trained_on(own_frames, tmp_path):
    rows = read_manifest(own_frames)
    rows[0]["split"] = "test"
    write_manifest(own_frames, rows)
    with pytest.raises(SampleError, match="no place in training frames"):
        run(own_frames, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_device_that_is_not_there(frames_folder, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(UsageError, match="cannot train on 1 x cuda, 32-true"):
        run(frames_folder, tmp_path / "run", accelerator="cuda")


def test_mixed_precision(frames_folder, tmp_path):
    _, result, _ = run(frames_folder, tmp_path / "run", precision="bf16-mixed")
    assert result.finished


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_a_run_on_the_gpu(frames_folder, tmp_path, precision):
    run(frames_folder, tmp_path / "run", accelerator="cuda", precision=precision, stop_at_step=10)
    one, result, _ = run(frames_folder, tmp_path / "run", accelerator="cuda", precision=precision, resume=True)
    assert result.finished and next(one.model.parameters()).device.type == "cuda"


def test_the_provenance_is_in_the_weights(frames_folder, tmp_path):
    _, result, _ = run(frames_folder, tmp_path / "run")
    with safe_open(result.weights, "pt") as file:
        provenance = json.loads(file.metadata()["provenance"])
    assert provenance == json.loads((tmp_path / "run" / "training.json").read_text())
    assert provenance["steps"] == 20 and provenance["patches"] == 40
    assert provenance["best_validation"]["objective"] == result.best["figures"]["objective"]
    assert provenance["data"]["train"] == {"frames": 3, "scenes": 3}
    assert len(provenance["data"]["manifest_sha256"]) == 64
    assert provenance["config"]["fit"]["steps"] == 20
    assert provenance["versions"]["torch"] == torch.__version__.split("+")[0]
    assert str(frames_folder) not in json.dumps(provenance)
