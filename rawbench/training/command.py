"""What ``rawbench train`` does: a configuration file and a task class become a trained run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rawbench.errors import UsageError
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
    import torch

    from rawbench.training.seeds import MODEL, seed_of

    try:
        from rawbench.training.loop import fit
    except ModuleNotFoundError as error:
        raise UsageError(f"training needs {error.name}: install rawbench[train]") from error

    config = read_config(Path(config_path), task_class.Config)
    with torch.random.fork_rng():
        torch.manual_seed(seed_of(config.fit.seed, MODEL, 0))
        task = task_class(config.task)
    task_table = config.as_json()["task"]
    return fit(task, config.data, config.fit, Path(out), resume=resume, echo=echo, task_config=task_table)
