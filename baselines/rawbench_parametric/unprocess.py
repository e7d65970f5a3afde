"""``unprocess``: the analytic inverse of a plain camera pipeline, with stored gains and matrix."""

from __future__ import annotations

import struct
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

import rawbench
from rawbench.blocks.least_squares import NormalEquations
from rawbench.blocks.polynomial import chunks, clip_class, linear_table
from rawbench.srgb import bits_of

TONES = ("libraw", "smoothstep")
_INFLECTION = 0.9  # of the highlight mask
_FORMAT = ">B9h3H"  # tone, matrix in 1/8192, gains in 1/8192: 25 bytes
_UNIT = 8192.0
_LARGEST = 32767
_LEAST = 64


class Unprocess(rawbench.Codec):
    """Inverse tone curve, inverse colour matrix, safe inversion of gains.

    Payload: one byte for the tone curve, nine 16-bit entries of the matrix from linear sRGB to camera colours, three
    16-bit gains.
    """

    name = "unprocess"
    summary = "analytic inverse with stored gains and matrix, 25 bytes"
    paper = rawbench.Paper(
        citation="Brooks et al., 'Unprocessing Images for Learned Raw Denoising', CVPR 2019.",
        published=(
            "Inverse smoothstep tone curve, gamma expansion, inverse colour matrix, and inversion of the gains that "
            "spares highlights (mask with inflection at 0.9, squared); matrix and gains are drawn at random there."
        ),
        ours=(
            "Matrix (rows that sum to 1) and gains are fitted to each image's unclipped pixels and sent; the tone "
            "curve is LibRaw's BT.709 curve, or with tone=smoothstep the published one."
        ),
        licence="The authors' code is under Apache-2.0; none of it was used.",
    )

    capabilities = rawbench.Capabilities(srgb_bits=(8, 16))

    class Options(rawbench.Options):
        """Options of ``unprocess``."""

        tone: Literal["libraw", "smoothstep"] = Field(
            "libraw", description="the curve to invert; smoothstep: the published one, with gamma 2.2"
        )

    @classmethod
    def rate_points(cls, options: Any) -> list[rawbench.RatePoint]:
        """One point."""
        return [rawbench.RatePoint(0, "stored")]

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        """Fit matrix and gains."""
        tone = TONES.index(self.options.tone)
        with self.context.stage("analysis"):
            fitted = fit_matrix(raw, srgb, tone)
        gains = fitted.sum(1)
        gains = np.where(gains < _LEAST / _UNIT, 1.0, gains)
        matrix = np.clip(np.rint(fitted / gains[:, None] * _UNIT), -_LARGEST, _LARGEST).astype(int)
        stored = np.clip(np.rint(gains * _UNIT), _LEAST, 2 * _LARGEST).astype(int)
        return struct.pack(_FORMAT, tone, *matrix.ravel(), *stored)

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        """Invert the pipeline."""
        if len(payload) != struct.calcsize(_FORMAT):
            raise rawbench.StreamError(f"{len(payload)} bytes are no matrix and gains")
        tone, *numbers = struct.unpack(_FORMAT, payload)
        if tone >= len(TONES) or min(numbers[9:]) < _LEAST:
            raise rawbench.StreamError("the tone curve or the gains make no sense")
        matrix = torch.tensor(numbers[:9], dtype=torch.float64).reshape(3, 3) / _UNIT
        gains = torch.tensor(numbers[9:], dtype=torch.float64) / _UNIT
        with self.context.stage("synthesis"):
            table = torch.from_numpy(tone_table(tone, bits_of(srgb))).to(srgb.device)
            codes = srgb.reshape(3, -1)
            out = torch.empty(codes.shape, dtype=torch.float32, device=srgb.device)
            for part in chunks(codes.shape[1]):
                self.context.advance(part.start, codes.shape[1])
                camera = matrix.to(srgb.device) @ table[codes[:, part].long()]
                out[:, part] = invert_gains(camera, gains.to(srgb.device)).clamp(0.0, 1.0).float()
            return out.reshape(srgb.shape)


def tone_table(tone: int, bits: int = 8) -> np.ndarray:
    """Linear light of all codes, float64 (2**bits,): LibRaw's curve, or inverse smoothstep and gamma 2.2."""
    if TONES[tone] == "libraw":
        return linear_table("bt709-floor", bits).copy()
    code = np.arange(2**bits) / (2**bits - 1)
    return (0.5 - np.sin(np.arcsin(1 - 2 * code) / 3)) ** 2.2


def fit_matrix(raw: Tensor, srgb: Tensor, tone: int) -> np.ndarray:
    """The matrix (3, 3) from linear sRGB to raw that fits the pixels without clipped channels best."""
    table = torch.from_numpy(tone_table(tone, bits_of(srgb))).to(srgb.device)
    codes, target = srgb.reshape(3, -1), raw.reshape(3, -1)
    equations = NormalEquations(3, 3)
    for part in chunks(codes.shape[1]):
        here = codes[:, part]
        weight = ((clip_class(here.T) == 0) & (here != 0).all(0)).double()
        equations.add(table[here.long()].T, target[:, part].T.double(), weight)
    return equations.solve(ridge=1e-6, prior=np.eye(3)).T


def invert_gains(camera: Tensor, gains: Tensor) -> Tensor:
    """Apply gains, float64 (3,), to colours, (3, N), but leave bright grey at white where a gain is below one."""
    grey = camera.mean(0, keepdim=True)
    mask = ((grey - _INFLECTION).clamp_min(0.0) / (1 - _INFLECTION)).clamp_max(1.0) ** 2
    return camera * torch.maximum(mask + (1 - mask) * gains[:, None], gains[:, None].expand_as(camera))
