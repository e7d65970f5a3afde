"""Widths of the networks of `learned`, and the shape of its latents."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

LATENTS = 48
"""Channels of z: as many numbers as the cell has samples, so that high rates lack nothing."""


class Architecture(BaseModel):
    """Widths. Written into the weights file; a decoder builds its networks from there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(48, ge=8, le=256, description="channels of guide, analysis and synthesis")
    guide_blocks: int = Field(2, ge=0, le=16)
    analysis_blocks: int = Field(1, ge=0, le=16)
    synthesis_blocks: int = Field(2, ge=0, le=16)
    base: int = Field(64, ge=1, le=64, description="coefficients of the base, one for each of its directions")
    exact_width: int = Field(64, ge=8, le=64, description="channels inside the exact networks")
    phi: int = Field(32, ge=8, le=64)
    embedding: int = Field(24, ge=1, le=32, description="channels into which the context model maps z_hat")
    context: int = Field(48, ge=8, le=64)
    steps: int = Field(4, ge=1, le=8, description="S, context steps")
    serial: bool = Field(False, description="one latent pixel after the other, in raster order, instead of S steps")
