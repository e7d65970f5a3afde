"""The learned metadata codecs: `learned`, `learned-ar`. Light: nothing here imports torch."""

from __future__ import annotations

import rawbench


@rawbench.hookimpl
def register_trainers(register) -> None:
    """Offer the training tasks to ``rawbench train``."""
    register("learned", "rawbench_learned.task:LearnedTask")
