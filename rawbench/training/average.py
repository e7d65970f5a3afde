"""A running mean of the weights (EMA): what is validated and exported in the place of the last step's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Follows a model's parameters. Buffers are the model's own.

    Args:
        model: on its device.
        decay: in [0, 1): how much of the mean stays at each step; less at first, so that it is not of the start.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._model, self._decay = model, decay
        self._taken = 0
        self._means = {name: value.detach().clone() for name, value in model.named_parameters()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the parameters of a step."""
        share = 1 - min(self._decay, (1 + self._taken) / (10 + self._taken))
        self._taken += 1
        for name, value in self._model.named_parameters():
            self._means[name].lerp_(value, share)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the model the mean weights, and its own back afterwards."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, value in self._model.named_parameters():
            own = value.clone()
            value.copy_(self._means[name])
            self._means[name] = own

    def state_dict(self) -> dict[str, object]:
        """Return what a checkpoint keeps."""
        return {"taken": self._taken, "means": self._means}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Take up a state that `state_dict` returned."""
        means: Mapping[str, Tensor] = state["means"]  # type: ignore[assignment]
        self._taken = int(state["taken"])  # type: ignore[call-overload]
        for name, mean in self._means.items():
            mean.copy_(means[name])
