"""Parameters and multiply-accumulates, counted by running the networks on the meta device: no numbers, only shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import nn

from rawbench_learned.architecture import LATENTS, Architecture
from rawbench_learned.exact import ExactConv2d
from rawbench_learned.features import CELL, GLOBAL_FEATURES, cells, exact_features
from rawbench_learned.networks import CodingNetworks
from rawbench_learned.order import partition
from rawbench_learned.rate import KNOTS

SIDE = 256

N = TypeVar("N", bound=nn.Module)


@contextmanager
def counted(network: nn.Module) -> Iterator[list[int]]:
    """Collect, while it lasts, the multiply-accumulates of every convolution, linear layer and GDN that runs.

    A GDN is what has a gamma.
    """
    counts: list[int] = []

    def count(layer: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        transposed = isinstance(layer, nn.ConvTranspose2d)
        positions = inputs[0].numel() // layer.weight.shape[0] if transposed else output.numel() // len(layer.weight)
        counts.append(positions * layer.weight.numel())

    def count_normalisation(layer: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        counts.append(output.numel() * layer.gamma.shape[0])

    layers = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, ExactConv2d)
    handles = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, layers)]
    handles += [m.register_forward_hook(count_normalisation) for m in network.modules() if hasattr(m, "gamma")]
    try:
        yield counts
    finally:
        for handle in handles:
            handle.remove()


def parameters(network: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def networks_of(config: Architecture) -> CodingNetworks:
    """Return the networks of a configuration on the meta device."""
    with torch.device("meta"):
        return CodingNetworks(config)


@torch.no_grad()
def kmac_per_pixel(networks: CodingNetworks) -> tuple[float, float]:
    """Return what encode and decode cost, in thousands of multiply-accumulates a pixel of the image.

    Args:
        networks: on the meta device.
    """
    encode, decode = macs_per_pixel(networks, run)
    base = 3 * GLOBAL_FEATURES
    return (encode + base) / 1000, (decode + base) / 1000


def macs_per_pixel(networks: N, run: Callable[[N, bool], Any]) -> tuple[float, float]:
    """Return the multiply-accumulates a pixel of encode and of decode.

    Args:
        networks: on the meta device.
        run: runs them on `SIDE` squared pixels, as encode does or as decode does.
    """
    found = []
    for encode in (True, False):
        with counted(networks) as counts:
            run(networks, encode)
        found.append(sum(counts) / SIDE**2)
    return found[0], found[1]


def run(networks: CodingNetworks, encode: bool) -> torch.Tensor:
    """Run what encode or decode runs, every latent pixel in one context step; return its last tensor.

    Args:
        networks: on any device; its tensors are made there.
        encode: or decode.
    """
    device = networks.offset.device

    def make(*shape: int) -> torch.Tensor:
        return torch.zeros(1, *shape, device=device)

    srgb = torch.zeros(1, 3, SIDE, SIDE, dtype=torch.uint8, device=device)
    hats = make(KNOTS)
    features, guess = networks.guide(srgb, make(3, SIDE, SIDE))
    exact = exact_features(srgb)
    z = make(LATENTS, SIDE // CELL, SIDE // CELL)
    if encode:
        z = networks.analysis(cells(make(3, SIDE, SIDE)), guess, features, hats, make(1, 1))
    phi = networks.prior(make(networks.config.base), hats, exact)
    masks = partition(networks.order(phi), training=False)
    means, _ = networks.parameters_of(phi, *networks.context(z, masks[:, :1], 0))
    return means if encode else networks.synthesis(means, guess, features, hats, make(1, 1))
