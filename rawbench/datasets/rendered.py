"""The options that every dataset of camera files shares: how the sRGB is made, and in which space raw is."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from rawbench.errors import UsageError
from rawbench.options import Options


class RenditionOptions(Options):
    """Rendition and raw space."""

    rendition: str = Field(default="png", description="png, png16, jpeg10 ... jpeg100[-444], given, camera")
    raw_space: Literal["camera", "xyz"] = "camera"

    @field_validator("rendition")
    @classmethod
    def _known(cls, value: str) -> str:
        from rawbench.camera.renditions import parse_rendition

        try:
            return parse_rendition(value).name
        except UsageError as error:
            raise ValueError(str(error)) from None
