"""All that stands between a training configuration and a run, found at once and before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rawbench.errors import RawbenchError
from rawbench.training.config import TrainingConfig, read_config

LIBRARIES = {"kornia": "kornia", "lightning_fabric": "lightning-fabric", "tensorboard": "tensorboard"}


def lacking(task_class: Any, config_path: Path, out: Path, resume: bool = False) -> list[str]:
    """A line for each thing that would end a training before its first step; none where it can begin.

    Args:
        task_class: a class with the form of `rawbench.training.Task`.
        config_path: a TOML file, see `rawbench.training.config`.
        out: the run's folder.
        resume: go on with the run that is in ``out``.
    """
    missing = [package for module, package in LIBRARIES.items() if find_spec(module) is None]
    found = [f"training needs {', '.join(missing)}: install rawbench[train]"] if missing else []
    try:
        config = read_config(config_path, task_class.Config)
    except RawbenchError as error:
        return [*found, str(error)]
    for look in _looks(task_class, config, out, resume, able=not missing):
        try:
            look()
        except RawbenchError as error:
            found.append(str(error))
    return list(dict.fromkeys(found))


def _looks(
    task_class: Any, config: TrainingConfig, out: Path, resume: bool, able: bool
) -> Iterator[Callable[[], object]]:
    from rawbench.training.frames import Frames

    yield lambda: Frames(config.data.frames, "train", config.data.excluded_scenes)
    yield lambda: Frames(config.data.frames, "validation", config.data.excluded_scenes)
    if able:
        from rawbench.training.loop import found_checkpoint, make_fabric

        yield lambda: found_checkpoint(out, resume)
        yield lambda: make_fabric(config.fit)
        yield lambda: _check_task(task_class, config)


def _check_task(task_class: Any, config: TrainingConfig) -> None:
    from rawbench.training.checkpoint import load_checkpoint
    from rawbench.training.frames import Frames

    task, start_from = task_class(config.task), config.fit.start_from
    if start_from is not None:
        load_checkpoint(start_from)
    elif check := getattr(task, "check_frames", None):
        check(Frames(config.data.frames, "train", config.data.excluded_scenes))
