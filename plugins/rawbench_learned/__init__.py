"""The learned metadata codecs: `learned` and `learned-ar`. Light: nothing here imports torch."""

from __future__ import annotations

from typing import Any

import rawbench


@rawbench.hookimpl
def register_methods(register: Any) -> None:
    """Offer the codecs."""
    register(
        "learned",
        "rawbench_learned.codec:Learned",
        summary="learned compact metadata: order masks, iterative context, exact entropy path",
    )
    register(
        "learned-ar",
        "rawbench_learned.codec:LearnedSerial",
        summary="the transforms of learned with a serial 5x5 masked context model",
    )


@rawbench.hookimpl
def register_trainers(register: Any) -> None:
    """Offer the training tasks to ``rawbench train``."""
    register("learned", "rawbench_learned.task:LearnedTask", summary="all networks of learned")
    register(
        "learned-ar",
        "rawbench_learned.serial_task:SerialTask",
        summary="the serial context model on the finished transforms of learned",
    )
    register(
        "learned-journal",
        "rawbench_learned.journal_task:JournalTask",
        summary="the journal version: learned:generation=2, both sizes",
    )
    register(
        "learned-cvpr",
        "rawbench_learned.cvpr_task:CvprTask",
        summary="the CVPR version as far as it is known: learned:size=reference",
    )
