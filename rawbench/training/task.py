"""What a learned method gives to the training loop.

The contract is `Task`; it is a protocol, so a task needs no base class. The loop (`rawbench.training.fit`)
owns data, steps, seeds, checkpoints, logs and the choice of the best weights. The task owns the network and
the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

if TYPE_CHECKING:
    import pydantic
    import torch

    Batch = Mapping[str, torch.Tensor]
    Scalars = Mapping[str, "float | torch.Tensor"]


@runtime_checkable
class Task(Protocol):
    """A learned method's training task. This docstring is its author's manual.

    Register the class through the hook, as a lazy string, so that the plugin module imports no torch::

        @rawbench.hookimpl
        def register_trainers(register):
            register("learned", "rawbench_learned.task:LearnedTask")

    Life of a task, in the order of calls:

    1. ``Task(config)`` with an instance of ``Task.Config``, a pydantic model (use ``extra="forbid"``), made
       from the table ``[task]`` of the training configuration. It builds ``self.model``; torch's global
       generator has been seeded with the run's seed, so default initialisation is reproducible.
    2. ``initialise(frames)``, optional, once, before a fresh run only: data-dependent initialisation.
       ``frames`` is the training split (`rawbench.training.frames.Frames`): ``len(frames)``,
       ``frames[i].raw`` uint16 (H, W, 3), ``frames[i].srgb`` uint8 (H, W, 3). A rehearsal (``--dry-run``) calls
       ``check_frames(frames)`` in its place, where there is one: it refuses frames that are of no use.
    3. ``optimizers()`` once, with the model on its device. A parameter group with ``"scheduled": False``
       keeps its learning rate. Every optimizer is stepped after every loss; gradients are clipped per optimizer.
    4. Each step: ``schedule(progress)``, then ``loss(batch, step, generator)`` in training mode. A task may
       remember ``progress``, to anneal something.
    5. Now and then: ``validate(batch)`` for each of a fixed list of validation batches, in evaluation mode,
       without gradients. The scalars are averaged over the batches. Then ``validated(figures)``, optional, with the
       averages, the same in every process: a schedule that waits for a plateau keeps its state in ``self.model``.
    6. ``export(path, provenance)`` with the best weights in ``self.model``, a copy of the one that trains.

    Everything that must survive a stop lives in ``self.model`` (parameters and buffers, of fixed shapes) or
    in the optimizers: that, the step and the schedule is all that a checkpoint holds. Random numbers come
    from ``generator`` or from torch's global generator: both are set from (seed, step, rank) before each
    call, and so a resumed run repeats exactly. Do not wrap the model, move it, or call ``backward``: the loop
    does, and runs `loss` inside the wrapper for several devices, so `loss` may call any method of
    ``self.model``. Keep no activations in ``self.model``: `copy.deepcopy` must be able to copy it.
    """

    Config: ClassVar[type[pydantic.BaseModel]]
    model: torch.nn.Module

    def __init__(self, config: Any) -> None:
        """Build ``self.model`` from a ``Config``; no files, no device."""

    def loss(self, batch: Batch, step: int, generator: torch.Generator) -> tuple[torch.Tensor, Scalars]:
        """Return the loss to descend, and scalars to log.

        Args:
            batch: ``raw`` float32 (B, 3, h, w) in [0, 1], ``srgb`` uint8 (B, 3, h, w), on the run's device.
            step: counts from 0.
            generator: on the run's device, seeded for this step.
        """

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Return the optimizers over ``self.model``'s parameters, with their highest learning rates."""

    def schedule(self, progress: float) -> float:
        """Return the factor of the learning rates where ``progress``, in [0, 1), of the budget is spent."""

    def validate(self, batch: Batch) -> Scalars:
        """Return figures of one validation batch, among them ``objective``: lower is better.

        The objective must mean the same at every step (nothing annealed in it): it chooses the best weights.
        """

    def export(self, path: Path, provenance: dict[str, Any]) -> None:
        """Write ``self.model`` in the form that the method loads, with ``provenance`` (JSON types) inside.

        Files beside ``path``, in the same folder, are kept too. The loop moves them all into place when done.
        """
