"""``cam``: raw at pixels that a network chooses, and a U-Net, tuned on them at the decoder, for all others."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

import rawbench
from rawbench import StreamError
from rawbench.blocks.polynomial import Polynomial
from rawbench.blocks.polynomial_coding import read_polynomial
from rawbench.blocks.tiles import in_tiles, padded, tiles
from rawbench.errors import SampleError, UsageError
from rawbench.srgb import pick, to_unit
from rawbench_sampling.cam_networks import PUBLISHED, Architecture, CamNetworks, UNet, empty_networks, reconstruct
from rawbench_sampling.cam_weights import read_weights
from rawbench_sampling.global_map import fit_global_map, gain_of, rough_rest
from rawbench_sampling.positions import decode_positions, encode_positions
from rawbench_sampling.samples import PEAK, decode_samples, encode_samples
from rawbench_sampling.shrinkage import CODES, WHOLE, choose_weights, weighted
from rawbench_sampling.superpixels import chosen_positions

CELLS = (32, 16, 8, 4)
"""Sides of superpixels by rate point index."""
MOST_ITERATIONS = 50
WEIGHTS = Path(__file__).parent / "weights"
_TAG_BYTES = 4
_WEIGHTED = 0x80  # in the byte of the iterations: weights follow, which format version 1 does not have
_PUBLISHED_RATE = 1e-4
_RATE = 1e-3
_TURNS = 4
_WORTH = 1e-4  # part of the squared error that fine-tuning has to take away
_SIDE = 512  # of tiles: memory, never results
_TUNED_SIDE = 256
_GRID = 2.0**20  # of associations: sums in another order choose the same pixels


class Cam(rawbench.Codec):
    """Nam et al.'s content-aware metadata.

    Payload: four bytes of the weights' digest; a byte, the iterations of fine-tuning plus 128; a byte, the weights of
    what the networks add to the polynomial (``rawbench_sampling.shrinkage``); the positions of the samples
    (``rawbench_sampling.positions``); the coded polynomial (``blocks.polynomial_coding``);
    the samples. The sampler runs in float64 and at the encoder only.
    """

    name = "cam"
    format_version = 2
    summary = "raw at pixels that a network chooses, and a U-Net for the others, tuned on them at the decoder"
    paper = rawbench.Paper(
        citation=(
            "Nam, Punnappurath, Brubaker & Brown, 'Learning sRGB-to-Raw-RGB De-rendering with Content-Aware Metadata', "
            "CVPR 2022, arXiv 2206.01813."
        ),
        published=(
            "A sampler U-Net associates pixels with superpixels of cells of 8 x 8 pixels (softmax over 3 x 3 cells), "
            "each of which keeps its strongest pixel; a U-Net (32 to 512 features) rebuilds raw from sRGB, mask and "
            "samples; L1, 1e-4 of a superpixel loss and 0.01 of a loss after inner steps; 10 Adam iterations at 1e-4 "
            "on the samples' L1 at the decoder; one model a camera and density; 54 bits a sample, 6 of them for a "
            "position that takes more, and 46 to 53 dB so counted on NUS."
        ),
        ours=(
            "At size=small networks at half resolution (8 to 64 and 12 to 96 features), trained for 42 minutes on a "
            "part of one CPU core; one model for cells of 32, 16, 8 and 4, whose side the sampler is told; the "
            "networks see and predict what a polynomial of the sRGB, of a degree up to 3, which the encoder fits to "
            "the whole image, leaves of raw; what they say is added times a weight of 0 to 1, in quarters, apart for "
            "clipped pixels, which the encoder measures; fine-tuning at 1e-3, each step on a quarter of the image, "
            "half of its samples hidden and judged, and left out where the encoder sees that it does harm; positions "
            "and samples range coded without loss; stored samples pasted back. size=reference: the published widths "
            "and fine-tuning on raw itself, without weights."
        ),
        licence="The licence of the authors' code allows no commercial use; none of it was used.",
    )
    capabilities = rawbench.Capabilities(
        needs_training=True, srgb_bits=(8, 16), decoder_trains=True, decode_tolerance=1e-4
    )
    resource_options = ("size", "weights")

    class Options(rawbench.Options):
        """Options of ``cam``; the number of iterations reaches the decoder in the payload."""

        finetune: int = Field(
            10, ge=0, le=MOST_ITERATIONS, description="iterations at the decoder, unless they do harm; 0: none"
        )
        size: Literal["small", "reference"] = Field("small", description="reference: the published widths")
        weights: Path | None = Field(None, description="another weights file; size=reference needs one")

    @classmethod
    def rate_points(cls, options: Any) -> list[rawbench.RatePoint]:
        """Cells of 32 to 4 pixels a side."""
        return [rawbench.RatePoint(index, f"cell={cell}") for index, cell in enumerate(CELLS)]

    @classmethod
    def identity(cls, options: Any) -> Mapping[str, Any]:
        """The weights' digest."""
        return {"weights": _networks_of(options, "cpu")[1]}

    @classmethod
    def complexity(cls, options: Any) -> Mapping[str, float]:
        """Parameters and multiply-accumulates, counted; those of fine-tuning are not among them."""
        return _complexity(PUBLISHED if options.size == "reference" else _networks_of(options, "cpu")[0].config)

    def setup(self, context: rawbench.Context) -> None:
        """Load the weights."""
        super().setup(context)
        self.networks, digest = _networks_of(self.options, context.device)
        self.tag = bytes.fromhex(digest)[:_TAG_BYTES]
        self.cell = CELLS[self.rate_point.index]

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        """Choose pixels, and code where they are and what they hold."""
        with self.context.stage("analysis"):
            mask = self._chosen(raw, srgb)
            codes = pick(srgb, slice(None), mask)
            samples = torch.round(raw[:, mask].double() * PEAK).long()
            fitted = fit_global_map(raw, srgb, codes.shape[1])
            head = self._chosen_head(raw, srgb, mask, samples.double() / PEAK, fitted.polynomial())
        with self.context.stage("entropy"):
            positions = encode_positions(mask.cpu().numpy(), self.cell)
            coded = fitted.to_bytes() + encode_samples(samples, codes, fitted.polynomial())
        self.context.record("position_bytes", len(positions))
        return self.tag + head + positions + coded

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        """Decode positions and samples, tune the network on them, rebuild, paste the samples."""
        with self.context.stage("entropy"):
            iterations, code, rest = self._head(payload)
            found, rest = decode_positions(rest, srgb.shape[1], srgb.shape[2], self.cell)
            mask = torch.from_numpy(found).to(srgb.device)
            fitted, rest = read_polynomial(rest)
            samples = decode_samples(rest, pick(srgb, slice(None), mask), fitted.polynomial()).double() / PEAK
        with self.context.stage("synthesis"):
            base = self._base(fitted.polynomial(), srgb)
            out = base + weighted(self._rest(base, srgb, mask, samples, iterations), srgb, code)
            out[:, mask] = samples
            return out.clamp(0.0, 1.0).float()

    def _base(self, polynomial: Polynomial, srgb: Tensor) -> Tensor:
        return polynomial(srgb) if self.networks.config.residual else torch.zeros_like(srgb).double()

    def _rest(self, base: Tensor, srgb: Tensor, mask: Tensor, samples: Tensor, iterations: int) -> Tensor:
        """What the networks add to the base, float64 (3, H, W), given raw samples, float64 (3, N)."""
        values = samples - base[:, mask]
        with torch.inference_mode(False):
            values, pixels = values.clone(), srgb.clone()
            return rebuilt(self.networks, pixels, mask.clone(), values, iterations, self.context.advance)

    def diagnostics(self, raw: Tensor, srgb: Tensor) -> dict[str, Tensor]:
        """Return ``samples`` (H, W): 1 where raw is stored."""
        return {"samples": self._chosen(raw, srgb).float()}

    def _chosen_head(self, raw: Tensor, srgb: Tensor, mask: Tensor, samples: Tensor, polynomial: Polynomial) -> bytes:
        """The iterations that are asked for, or none where they do harm, and the weights of the rest."""
        base = self._base(polynomial, srgb)
        target, found = raw.double() - base, []
        for count in sorted({0, self.options.finetune}):
            rest = self._rest(base, srgb, mask, samples, count)
            code = choose_weights(rest, target, srgb) if self.networks.config.residual else WHOLE
            found.append((float((weighted(rest, srgb, code) - target).square().mean()), count, code))
        # Not for a gain so small that another machine may see none.
        _, count, code = found[-1] if found[-1][0] < (1 - _WORTH) * found[0][0] else found[0]
        return bytes([_WEIGHTED | count, code])

    def _head(self, payload: bytes) -> tuple[int, int, bytes]:
        """Iterations, the code of the weights, and what follows."""
        if len(payload) <= _TAG_BYTES + 1:
            raise StreamError("the payload ends too early")
        if payload[:_TAG_BYTES] != self.tag:
            raise StreamError("the payload was written with other weights of cam")
        iterations, code, start = payload[_TAG_BYTES], WHOLE, _TAG_BYTES + 1
        if iterations & _WEIGHTED:
            iterations, code, start = iterations ^ _WEIGHTED, payload[start], start + 1
        if iterations > MOST_ITERATIONS:
            raise StreamError(f"{iterations} iterations of fine-tuning are more than {MOST_ITERATIONS}")
        if code >= CODES:
            raise StreamError("the weights of the rest are unknown")
        return iterations, code, payload[start:]

    def _chosen(self, raw: Tensor, srgb: Tensor) -> Tensor:
        """The mask of the samples, bool (H, W)."""
        height, width = srgb.shape[1:]
        values = raw
        if self.networks.config.residual:
            rest = rough_rest(raw, srgb)
            values = rest * gain_of(rest)
        networks = copy.deepcopy(self.networks).double()
        multiple = max(self.cell, networks.sampler.multiple)
        both = torch.cat([padded(image, multiple).double() for image in (to_unit(srgb), values)])[None]

        def associated(part: Tensor) -> Tensor:
            return networks.association(part[:, :3], part[:, 3:], [self.cell])

        with torch.no_grad():
            found = in_tiles(associated, both, _SIDE, networks.sampler.reach, self.context.advance)[0]
            association = torch.round(found * _GRID)
        association[:, height:], association[:, :, width:] = -1.0, -1.0
        rows, columns = (-(-size // self.cell) * self.cell for size in (height, width))
        positions = chosen_positions(association[:, :rows, :columns], self.cell)
        mask = torch.zeros(rows * columns, dtype=torch.bool, device=srgb.device).index_fill(0, positions, True)
        return mask.reshape(rows, columns)[:height, :width].contiguous()


def rebuilt(
    networks: CamNetworks,
    srgb: Tensor,
    mask: Tensor,
    values: Tensor,
    iterations: int,
    advance: Callable[[int, int], None],
) -> Tensor:
    """What the reconstructor, tuned on the samples, makes of them: raw, or its rest, float64 (3, H, W).

    Args:
        networks: in evaluation mode; left as they are.
        srgb: uint8 or uint16 (3, H, W).
        mask: bool (H, W), where samples are.
        values: float64 (3, N), raw or its rest at the samples.
        iterations: of fine-tuning.
        advance: is told how many of the rows are done.
    """
    network, config = networks.reconstructor, networks.config
    height, width = mask.shape
    gain = gain_of(values) if config.residual else values.new_ones((), dtype=torch.float32)
    colours = padded(to_unit(srgb), network.multiple)
    known = torch.zeros(4, *colours.shape[1:], device=srgb.device)
    known[:3, :height, :width][:, mask] = values.float() * gain
    known[3, :height, :width] = mask.float()
    image = torch.cat([colours, known])[None]
    if iterations:
        network = _tuned(network, config, image, iterations)

    def reconstructed(part: Tensor) -> Tensor:
        return reconstruct(network, config, part[:, :3], part[:, 3:6], part[:, 6:])

    with torch.no_grad():
        out = in_tiles(reconstructed, image, _SIDE, network.reach, advance)[0]
    return (out[:, :height, :width] / gain).double()


def _tuned(network: UNet, config: Architecture, image: Tensor, iterations: int) -> UNet:
    """A copy of the network after some steps of Adam on the mean L1 of the samples, statistics of batches frozen.

    As published, a step sees the whole image, all samples are given to the network, and the loss is that of all. Small
    networks do otherwise: a step sees a quarter of the tiles, half of their samples are hidden from the network, and
    the loss is that of the hidden ones, so that the network cannot do well by copying.
    """
    network = copy.deepcopy(network).eval().requires_grad_(True)
    turns, rate = (1, _PUBLISHED_RATE) if config == PUBLISHED else (_TURNS, _RATE)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    windows = [tile.place() for tile in tiles(image.shape[2], image.shape[3], _TUNED_SIDE, halo=0)]
    turns = min(turns, len(windows))
    order = image[0, 6].long().cumsum(1)  # along a row, every second sample
    with torch.enable_grad():
        for iteration in range(iterations):
            optimizer.zero_grad()
            own = windows[iteration % turns :: turns]
            hidden = (order + iteration // turns) % 2
            for window in own:
                part, hide = image[window], hidden[window]
                given, judged = part[:, 6:], part[:, 6:]
                if config != PUBLISHED:
                    given, judged = given * (1 - hide), judged * hide
                out = reconstruct(network, config, part[:, :3], part[:, 3:6], given)
                error = judged * (out - part[:, 3:6]).abs()
                (error.sum() / (3 * image[:, 6].sum())).backward()
            optimizer.step()
    return network.requires_grad_(False)


def _networks_of(options: Any, device: torch.device | str) -> tuple[CamNetworks, str]:
    if options.weights is None and options.size == "reference":
        raise UsageError("cam: size=reference has no weights here: train them (cam-reference.toml), give weights=FILE")
    path = options.weights or WEIGHTS / "cam.safetensors"
    networks, digest = read_weights(path, device)
    if (networks.config == PUBLISHED) != (options.size == "reference"):
        raise SampleError(f"{path}: not weights of cam at size={options.size}")
    return networks, digest


@cache
def _complexity(config: Architecture) -> dict[str, float]:
    networks = empty_networks(config)
    return {
        "parameters": float(sum(parameter.numel() for parameter in networks.parameters())),
        "encode_kmac_per_pixel": networks.sampler.macs_per_pixel() / 1000,
        "decode_kmac_per_pixel": networks.reconstructor.macs_per_pixel() / 1000,
    }
