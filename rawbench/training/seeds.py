"""Seeds as functions of (run's seed, purpose, counter), so that no random state has to be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

# Purposes: whatever draws for a purpose of its own has a number of its own.
TRAINING_PATCHES, VALIDATION_PATCHES, TRAINING_NOISE, VALIDATION_NOISE, MODEL = range(5)


def seed_of(seed: int, purpose: int, *counter: int) -> int:
    """Return a 63-bit seed for one purpose, from the run's seed and a counter."""
    state = np.random.SeedSequence([seed, purpose, *counter]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def seed_torch(generator: torch.Generator, seed: int, purpose: int, *counter: int) -> None:
    """Set a generator and torch's global one, to different seeds, for one place in the run."""
    import torch

    generator.manual_seed(seed_of(seed, purpose, *counter, 0))
    torch.manual_seed(seed_of(seed, purpose, *counter, 1))
