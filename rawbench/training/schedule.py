"""Learning rate over a run."""

from __future__ import annotations

import math


def warm_cosine(progress: float, warmup: float = 0.0) -> float:
    """Return the factor of the learning rate: a linear warm-up, then a cosine down to one hundredth.

    Args:
        progress: part of the run that is done, 0 to 1.
        warmup: part of the run, 0: none.
    """
    if progress < warmup:
        return progress / warmup
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress))
