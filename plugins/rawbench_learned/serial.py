"""The serial context model: one latent pixel after the other, each with its decoded neighbours above and left."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, arange

from rawbench_learned.coding import Coder


class SerialCoder(Coder):
    """`Coder` whose context steps are single pixels in raster order: H/4 * W/4 of them, in encoder and decoder."""

    def groups(self, order: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Yield each latent pixel's position alone."""
        yield from ((0, position) for position in arange(order.numel(), device=order.device).split(1))
