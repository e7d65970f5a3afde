"""The Codec interface: what a method's author writes.

The contract, before any code:

* ``encode`` turns raw and sRGB into the payload; the harness writes it to a file behind a small header
  (``rawbench.stream``), and the size of that file is the rate.
* ``decode`` runs in a fresh instance that was given nothing but the payload, the rate point of the header
  and the sRGB pixels. Camera name, white balance, seeds, masks, channel means: in the payload, or not used.
* Options steer the encoder. The decoding instance is made with default options, but for
  ``resource_options`` (a weights file), which say where the codec itself is, not what the image is.
* The sRGB has 8 bits (uint8, full scale 255). A method that also takes 16 (uint16, full scale 65535) says so with
  ``capabilities.srgb_bits = (8, 16)``, and scales by ``rawbench.srgb``: ``to_unit(srgb)`` is float32 in [0, 1] of
  either. torch neither orders nor sums uint16: convert before computing. Others are skipped on such datasets.
* A payload once written stays readable: change its meaning, and ``format_version`` grows.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from rawbench.options import Options
from rawbench.types import Capabilities, Paper, RatePoint

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@contextmanager
def _untimed(name: str) -> Iterator[None]:
    yield


Advance = Callable[[int, int], None]
"""Who is told how much of how much is done."""


def unwatched(done: int, total: int) -> None:
    """What ``Context.advance`` calls when nobody wants to know."""


class Context:
    """What the harness hands to a codec: where to compute, and where to say what it did.

    Attributes:
        device: the run's device; every tensor of the codec belongs there.
        seed: for methods that draw random numbers in the encoder; the decoder's seed comes from the payload.
    """

    def __init__(
        self,
        device: torch.device | str = "cpu",
        seed: int = 0,
        stage: Callable[[str], AbstractContextManager[None]] = _untimed,
        advance: Advance = unwatched,
    ) -> None:
        import torch

        self.device = torch.device(device)
        self.seed = seed
        self.recorded: dict[str, float] = {}
        self._stage = stage
        self._advance = advance

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Mark a part of encode or decode: ``analysis``, ``entropy``, ``synthesis`` or ``transfer``."""
        return self._stage(name)

    def advance(self, done: int, total: int) -> None:
        """Say how far encode or decode is, in tiles, bands or whatever it counts, for a progress bar."""
        self._advance(done, total)

    def part(self, first: float, last: float) -> Advance:
        """An ``advance`` for a part of the work, which is ``first`` of it when it begins and ``last`` when it ends."""
        return lambda done, total: self._advance(round(1000 * (first + (last - first) * done / total)), 1000)

    def record(self, name: str, value: float) -> None:
        """Keep a number beside the measurements, for example ``bits_estimated``."""
        self.recorded[name] = float(value)


class Codec(abc.ABC):
    """One method at one rate point. Subclass it, register the class, and rawbench does the rest.

    A method defines ``name``, ``rate_points``, ``encode`` and ``decode``; the rest has defaults.

    * ``encode`` and ``decode`` are timed; ``setup`` and the constructor are not: load weights and build
      tables in ``setup``.
    * Rate points are ordered from the fewest bytes to the most.
    * Twice the same input gives twice the same bytes.
    * A payload that makes no sense raises ``rawbench.StreamError``, soon, and without large allocations.
    * Threads, seeds, default dtype and cudnn flags of the process are left as found.

    ``rawbench check NAME`` holds a method to all of it.

    Attributes:
        name: how users call the method.
        format_version: 1..15, of the payload.
        summary: one line for ``rawbench methods list``.
        paper: where the idea comes from; what is published and what is this implementation's own choice
            (``rawbench.Paper``).
        capabilities: see ``rawbench.types.Capabilities``.
        resource_options: names of options that are passed to the decoding instance too.
        any_rate_point: streams may be of rate points that default options do not list (``quality=0.37``); those of
            another method are refused where default options do not list theirs.
    """

    name: ClassVar[str]
    format_version: ClassVar[int] = 1
    summary: ClassVar[str] = ""
    paper: ClassVar[Paper | None] = None
    capabilities: ClassVar[Capabilities] = Capabilities()
    resource_options: ClassVar[tuple[str, ...]] = ()
    any_rate_point: ClassVar[bool] = False

    class Options(Options):
        """No options."""

    def __init__(self, options: Options, rate_point: RatePoint) -> None:
        self.options: Any = options
        self.rate_point = rate_point
        self.context: Context

    @classmethod
    @abc.abstractmethod
    def rate_points(cls, options: Any) -> list[RatePoint]:
        """The operating points, from the fewest bytes to the most."""

    @classmethod
    def between(cls, options: Any, lower: RatePoint, higher: RatePoint, share: float) -> tuple[Any, RatePoint] | None:
        """A rate between two neighbouring rate points, for who has a budget of bytes; optional.

        Args:
            options: the method's.
            lower: a rate point.
            higher: the one after it.
            share: in (0, 1), of the way from lower to higher.

        Returns:
            Options and the rate point that they have; None where the method has nothing in between.
        """
        return None

    @classmethod
    def within(cls, options: Any, most: int) -> tuple[Any, RatePoint] | None:
        """The best quality that a budget of bytes allows, for methods that meet one by themselves; optional.

        Args:
            options: the method's.
            most: bytes that a stream may have.

        Returns:
            Options and the rate point that they have; None where the method cannot, or not with so few.
        """
        return None

    @classmethod
    def expected_bytes(cls, options: Any, point: RatePoint, pixels: int) -> float | None:
        """How many bytes an image takes at a rate point, where the method fills a number from below; optional.

        Who has a budget of bytes asks for it; without it, parts of a large image are encoded to find out.
        """
        return None

    @classmethod
    def identity(cls, options: Any) -> Mapping[str, Any]:
        """What else determines the stream (weights digest, ...); part of the stream key. JSON values."""
        return {}

    @classmethod
    def complexity(cls, options: Any) -> Mapping[str, float]:
        """``parameters``, ``encode_kmac_per_pixel`` and ``decode_kmac_per_pixel``, where they are known."""
        return {}

    @classmethod
    def capabilities_of(cls, options: Any) -> Capabilities:
        """The capabilities with these options; overridden by methods whose options change them."""
        return cls.capabilities

    def setup(self, context: Context) -> None:
        """Load weights and build tables. Called once, before the first encode or decode; never timed."""
        self.context = context

    @abc.abstractmethod
    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        """Write what the decoder needs to rebuild raw from the sRGB.

        Args:
            raw: float32 (3, H, W) in [0, 1], linear camera RGB, on ``context.device``.
            srgb: uint8, or uint16 where ``capabilities.srgb_bits`` has 16, (3, H, W), the decoded pixels of the PNG,
                TIFF or JPEG, on ``context.device``.

        Returns:
            The payload, without any header of the harness.
        """

    @abc.abstractmethod
    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        """Rebuild raw from the payload and the sRGB alone.

        Args:
            payload: what ``encode`` returned, read back from the file.
            srgb: as ``encode`` had it, on ``context.device``.

        Returns:
            raw: float32 (3, H, W) in [0, 1], on ``context.device``.

        Raises:
            StreamError: the payload is malformed.
        """

    def render(self, raw: Tensor) -> Tensor:
        """Render the sRGB; only for methods whose capabilities say ``renders_its_own_srgb``.

        The harness carries the pixels as the dataset carries its own (``run.own_rendition``), and ``encode`` and
        ``decode`` get what comes out of that.

        Args:
            raw: float32 (3, H, W) in [0, 1], on ``context.device``.

        Returns:
            uint8 (3, H, W).
        """
        raise NotImplementedError(f"{self.name} renders no sRGB of its own")

    def diagnostics(self, raw: Tensor, srgb: Tensor) -> dict[str, Tensor]:
        """Optional maps (H', W') for the report: bits per latent pixel, order masks, sample positions."""
        return {}
