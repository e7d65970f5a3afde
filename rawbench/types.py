"""The data that passes between the harness and its plugins: no behaviour, and no torch at import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class RatePoint:
    """One operating point of a method.

    Attributes:
        index: 0..255; travels in the file header, so that the decoder knows it.
        name: what tables call it, for example ``step=8``.

    Example:
        >>> RatePoint(0, "step=8").name
        'step=8'
    """

    index: int
    name: str

    def __post_init__(self) -> None:
        if not 0 <= self.index <= 255:
            raise ValueError(f"rate point {self.name!r}: index {self.index} is outside 0..255")


@dataclass(frozen=True)
class Paper:
    """Where a method's idea comes from, and what is whose.

    Attributes:
        citation: authors, title, place and year, or why there are none.
        published: what the authors say of the method; "" where nothing was published of it.
        ours: what this implementation decides by itself.
        licence: of the authors' code, and whether any of it is used.
    """

    citation: str
    published: str = ""
    ours: str = ""
    licence: str = ""


@dataclass(frozen=True)
class Capabilities:
    """What a method declares about itself; printed by ``rawbench methods show`` and kept with the results.

    Attributes:
        needs_training: its weights come from training data.
        untrained: its weights were never trained, so that its figures say nothing of the method; every table says so.
        uses_metadata: its payload holds information about the raw.
        renders_its_own_srgb: it is defined on a rendition of its own, not on the dataset's.
        srgb_bits: depths of the sRGB that it takes: 8, and 16 where it computes with the full scale of either. Cells of
            another depth are skipped. A rendition of its own always has 8.
        devices: device kinds that it runs on.
        decoder_trains: it optimises at the decoder (charged to decode time).
        lossless: its last rate point is exact on the 16-bit grid.
        decode_tolerance: greatest absolute difference between two decodes of one stream (0: bit-exact).
        opt_outs: conformance checks that do not apply, each with the reason.
    """

    needs_training: bool = False
    untrained: bool = False
    uses_metadata: bool = True
    renders_its_own_srgb: bool = False
    srgb_bits: tuple[int, ...] = (8,)
    devices: tuple[str, ...] = ("cpu", "cuda")
    decoder_trains: bool = False
    lossless: bool = False
    decode_tolerance: float = 1e-5
    opt_outs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SampleInfo:
    """What is known of one image before its pixels are loaded.

    Attributes:
        id: unique within its dataset.
        camera: maker and model, as in the camera file.
        rendition: how the sRGB was made (``png``, ``png16``, ``jpeg90``, ...).
        raw_space: ``camera`` (white-balanced camera RGB) or ``xyz``.
        height: rows of raw and sRGB.
        width: columns of raw and sRGB.
        source_digest: hex digest of everything that determines the pixels: file, rendition, raw space.
        simulated: True when no photograph but a simulated camera made it; said in every table.
        facts: further plain values (iso, carrier_bytes, ...), kept with the results.
    """

    id: str
    camera: str
    rendition: str
    raw_space: str
    height: int
    width: int
    source_digest: str
    simulated: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """One image: raw float32 (3, H, W) in [0, 1] and srgb (3, H, W), on one device.

    The type of ``srgb`` tells its depth and full scale: uint8, 255, or uint16, 65535 (``rawbench.srgb``).
    """

    info: SampleInfo
    raw: Tensor
    srgb: Tensor


@dataclass(frozen=True, order=True)
class Place:
    """Where a result belongs: one cell of a run's table, in place of a bare tuple of names.

    Places sort by method, rate point's name, dataset and image.

    Attributes:
        method: the label, ``NAME:option=value`` without the options at their defaults.
        rate_point: the name, unique within the method.
        dataset: the label, formed as a method's is.
        image: the id, unique within the dataset.

    Example:
        >>> str(Place("poly", "degree=2", "sample", "city_2"))
        'poly degree=2 on sample/city_2'
    """

    method: str
    rate_point: str
    dataset: str
    image: str

    def __str__(self) -> str:
        """How messages name it."""
        return f"{self.method} {self.rate_point} on {self.dataset}/{self.image}"


@dataclass(frozen=True)
class Problem:
    """One finding of ``Dataset.verify``: the file (or id) and what is wrong with it."""

    where: str
    what: str
