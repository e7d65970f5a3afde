"""What ``rawbench train`` does: a configuration file and a task class become a trained run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rawbench.training.config import read_config

if TYPE_CHECKING:
    from rawbench.training.loop import FitResult


def train(
    task_class: Any, config_path: Path, out: Path, resume: bool = False, echo: Callable[[str], None] = print
) -> FitResult:
    """Train a method as a configuration file says.

    Args:
        task_class: a class with the form of `rawbench.training.Task`.
        config_path: a TOML file, see `rawbench.training.config`.
        out: the run's folder.
        resume: go on with the run that is in ``out``.
        echo: takes the lines of progress.

    Raises:
        UsageError: the configuration, or what is in ``out``.
        SampleError: frames that cannot be used.
        RawbenchError: training failed.
    """
    config = read_config(Path(config_path), task_class.Config)

    import torch

    from rawbench.training.loop import fit
    from rawbench.training.patches import MODEL, seed_of

    with torch.random.fork_rng():
        torch.manual_seed(seed_of(config.fit.seed, MODEL, 0))
        task = task_class(config.task)
    out = Path(out)
    tables = config.as_json()
    result = fit(task, config.data, config.fit, out, resume=resume, echo=echo, task_config=tables["task"])
    if result.finished:
        echo(f"{result.step} steps in {result.seconds / 60:.1f} min; best at step {result.best['step']}: {result.weights}")
    else:
        echo(f"stopped at step {result.step}; --resume goes on from there")
    return result
