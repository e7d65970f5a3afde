"""What is known of a finished cell besides its metrics: columns of the store's ``cells``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rawbench.run.coding import Encoded
from rawbench.run.plan import Cell, decode_key
from rawbench.run.rate import bits_per_padded_pixel, bits_per_pixel


@dataclass(frozen=True)
class StreamFacts:
    """What a cell's file says by its size and content.

    Attributes:
        stream_bytes: size of the whole file.
        bpp: bits per pixel of the un-padded image.
        bpp_padded: those over padded sides.
        stream_digest: SHA-256 of the file.
        decode_key: key of the decoded raw.
    """

    stream_bytes: int
    bpp: float
    bpp_padded: float
    stream_digest: str
    decode_key: str

    @classmethod
    def of(cls, stream: bytes, cell: Cell) -> StreamFacts:
        """The facts of a cell's whole file."""
        height, width = cell.image.height, cell.image.width
        digest = hashlib.sha256(stream).hexdigest()
        return cls(
            stream_bytes=len(stream),
            bpp=bits_per_pixel(len(stream), height, width),
            bpp_padded=bits_per_padded_pixel(len(stream), height, width),
            stream_digest=digest,
            decode_key=decode_key(digest, cell.method, cell.device),
        )


@dataclass(frozen=True)
class CellFacts:
    """The facts of a cell.

    Attributes:
        stream: what the file says.
        decode_seconds: of ``decode``, in the decoder's process.
        encoded: what the encoder told; None where the stream was there before, whose facts then stay.
        harness_seconds: what all took, less the method's and the metrics' part.
    """

    stream: StreamFacts
    decode_seconds: float
    encoded: Encoded | None
    harness_seconds: float

    def columns(self) -> Mapping[str, Any]:
        """The facts as the store has them."""
        encoded = self.encoded
        return {
            **asdict(self.stream),
            "decode_seconds": self.decode_seconds,
            "harness_seconds": self.harness_seconds,
            **({} if encoded is None else {
                "encode_seconds": encoded.seconds,
                "bits_estimated": encoded.bits_estimated,
                "recorded": encoded.recorded,
            }),
        }  # fmt: skip
