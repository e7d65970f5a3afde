"""One honest method, and many that break one article of the contract each: a plugin for the tests of the kit."""

from __future__ import annotations

import os
import struct
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import rawbench
from rawbench import Capabilities, Codec, RatePoint, StreamError


class Honest(Codec):
    """Block means of raw on the 16-bit grid, deflated; the sRGB gives the size alone."""

    name: ClassVar[str] = "honest"
    capabilities = Capabilities(lossless=True, decode_tolerance=0.0)
    blocks: ClassVar[tuple[int, ...]] = (16, 4, 1)

    class Options(rawbench.Options):
        level: int = 6

    @classmethod
    def rate_points(cls, options: Any) -> list[RatePoint]:
        return [RatePoint(index, f"block={block}") for index, block in enumerate(cls.blocks)]

    def block(self) -> int:
        if self.rate_point.index >= len(self.blocks):
            raise StreamError(f"no rate point {self.rate_point.index}")
        return self.blocks[self.rate_point.index]

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        _, height, width = raw.shape
        block = self.block()
        padded = F.pad(raw[None].double(), (0, -width % block, 0, -height % block), mode="replicate")
        means = F.avg_pool2d(padded, block) if block > 1 else padded
        values = (means[0] * 65535).round().to(torch.int32).cpu().numpy().astype(">u2")
        return zlib.compress(values.tobytes(), self.options.level)

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        block = self.block()
        _, height, width = srgb.shape
        shape = (3, -(-height // block), -(-width // block))
        size = 2 * shape[0] * shape[1] * shape[2]
        inflate = zlib.decompressobj()
        try:
            data = inflate.decompress(payload, size + 1)
        except zlib.error as error:
            raise StreamError(f"the payload is damaged: {error}") from None
        if len(data) != size or not inflate.eof or inflate.unused_data:
            raise StreamError("the payload has another size than the image")
        values = torch.from_numpy(np.frombuffer(data, ">u2").reshape(shape).astype(np.float32)) / 65535
        whole = values.repeat_interleave(block, 1).repeat_interleave(block, 2)
        return whole[:, :height, :width].contiguous().to(srgb.device)


_RAW: dict[int, Tensor] = {}


class KeepsRawInGlobal(Honest):
    name = "keeps-raw-in-global"

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        _RAW[len(_RAW)] = raw.clone()
        return struct.pack(">H", len(_RAW) - 1)

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        return _RAW[struct.unpack(">H", payload)[0]].clone()


class KeepsRawInFile(Honest):
    name = "keeps-raw-in-file"

    class Options(Honest.Options):
        folder: str = "/tmp"

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        path = Path(self.options.folder) / f"{zlib.crc32(srgb.numpy().tobytes())}.npy"
        np.save(path, raw.numpy())
        return super().encode(raw, srgb)


class KeepsRawInTemporaryFile(Honest):
    name = "keeps-raw-in-temporary-file"

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        path = Path(tempfile.gettempdir()) / f"{zlib.crc32(srgb.numpy().tobytes())}.npy"
        np.save(path, raw.numpy())
        return b"\0"

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        path = Path(tempfile.gettempdir()) / f"{zlib.crc32(srgb.numpy().tobytes())}.npy"
        return torch.from_numpy(np.load(path))


class KeepsRawInInstance(Honest):
    name = "keeps-raw-in-instance"

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        self.kept = raw.clone()
        return super().encode(raw, srgb)

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        return self.kept.clone()


class ReadsClockInDecode(Honest):
    name = "reads-clock-in-decode"

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        return (super().decode(payload, srgb) + time.time() % 1e6 / 1e7).clamp(0, 1)


class ReadsClockInEncode(Honest):
    name = "reads-clock-in-encode"

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        day = int(time.time() / 86400)
        return struct.pack(">I", day) + super().encode(raw, srgb)

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        return super().decode(payload[4:], srgb)


class DrawsInEncode(Honest):
    name = "draws-in-encode"

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        return super().encode((raw + torch.rand_like(raw) * 1e-3).clamp(0, 1), srgb)


class DrawsInDecode(Honest):
    name = "draws-in-decode"

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        return (super().decode(payload, srgb) + torch.rand(srgb.shape) * 1e-3).clamp(0, 1)


class HashesStrings(Honest):
    name = "hashes-strings"

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        return (super().decode(payload, srgb) + hash("raw") % 1000 / 1e5).clamp(0, 1)


class WrongShape(Honest):
    name = "wrong-shape"

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        return super().decode(payload, srgb).transpose(1, 2).contiguous()


class WrongDtype(Honest):
    name = "wrong-dtype"

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        return super().decode(payload, srgb).double()


class ReturnsNaN(Honest):
    name = "returns-nan"

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        raw = super().decode(payload, srgb)
        return raw / raw.masked_fill(raw > 0.9, 0)


class OutOfRange(Honest):
    name = "out-of-range"

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        return super().decode(payload, srgb) * 1.5


class ReturnsList(Honest):
    name = "returns-list"

    def decode(self, payload: bytes, srgb: Tensor) -> Any:
        return super().decode(payload, srgb).tolist()


class ReturnsBytearray(Honest):
    name = "returns-bytearray"

    def encode(self, raw: Tensor, srgb: Tensor) -> Any:
        return bytearray(super().encode(raw, srgb))


class HangsOnCutPayload(Honest):
    name = "hangs-on-cut-payload"

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        inflate = zlib.decompressobj()
        while not inflate.eof:
            try:
                inflate.decompress(payload)
            except zlib.error:
                raise StreamError("the payload is damaged") from None
        return super().decode(payload, srgb)


class AllocatesByPayload(Honest):
    name = "allocates-by-payload"

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        payload = super().encode(raw, srgb)
        return struct.pack(">I", len(payload)) + payload

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        if len(payload) < 4:
            raise StreamError("the payload is cut")
        try:
            scratch = np.ones(struct.unpack(">I", payload[:4])[0])
        except MemoryError:
            raise StreamError("the payload is too large") from None
        return super().decode(payload[4 : 4 + len(scratch)], srgb)


class DiesOnGarbage(Honest):
    name = "dies-on-garbage"

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        try:
            return super().decode(payload, srgb)
        except StreamError:
            os.abort()


class RaisesValueError(Honest):
    name = "raises-value-error"

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        try:
            return super().decode(payload, srgb)
        except StreamError as error:
            raise ValueError(str(error)) from None


class TrustsPayload(Honest):
    name = "trusts-payload"

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        try:
            return super().decode(payload, srgb)
        except StreamError:
            return torch.zeros(3, 1, 1)


class SetsSeed(Honest):
    name = "sets-seed"

    def setup(self, context: Any) -> None:
        super().setup(context)
        torch.manual_seed(context.seed)


class SetsThreads(Honest):
    name = "sets-threads"

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        torch.set_num_threads(1)
        return super().encode(raw, srgb)


class SetsEnvironment(Honest):
    name = "sets-environment"

    def setup(self, context: Any) -> None:
        super().setup(context)
        os.environ["SPECIMEN"] = "1"


class ChangesInputs(Honest):
    name = "changes-inputs"

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        return super().encode(raw.mul_(0.5).mul_(2).add_(1e-3).clamp_(0, 1), srgb)


class UnorderedRatePoints(Honest):
    name = "unordered-rate-points"
    blocks = (1, 4, 16)


class SharesClassAttribute(Honest):
    name = "shares-class-attribute"
    current: ClassVar[int] = 0

    def __init__(self, options: Any, rate_point: RatePoint) -> None:
        super().__init__(options, rate_point)
        type(self).current = self.blocks[rate_point.index]

    def block(self) -> int:
        return type(self).current


class ForgetsOptions(Honest):
    name = "forgets-options"

    class Options(rawbench.Options):
        level: int = 6
        block: int = 2

    @classmethod
    def rate_points(cls, options: Any) -> list[RatePoint]:
        return [RatePoint(0, "only")]

    def block(self) -> int:
        return self.options.block


class ClaimsLossless(Honest):
    name = "claims-lossless"
    blocks = (16, 4, 2)


class RefusesOddSizes(Honest):
    name = "refuses-odd-sizes"
    capabilities = Capabilities(
        opt_outs={"odd_sizes": "it is defined on even sizes alone", "small_sizes": " ", "od_sizes": "?"}
    )

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        if raw.shape[1] % 2 or raw.shape[2] % 2:
            raise ValueError("odd")
        return super().encode(raw, srgb)


class MisspellsOptOut(Honest):
    name = "misspells-opt-out"
    capabilities = Capabilities(lossless=True, opt_outs={"od_sizes": "a slip of the pen"})


class TakesOnlyDeep(Honest):
    name = "takes-only-deep"
    capabilities = Capabilities(srgb_bits=(16,))


class ForgetsFullScale(Honest):
    """A gain on a gamma curve that divides by 255, whatever the sRGB."""

    name = "forgets-full-scale"
    capabilities = Capabilities(srgb_bits=(8, 16))
    blocks = (1,)

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        return b""

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        return ((srgb.float() / 255) ** 2.2 * 0.5).clamp(0, 1)


class HangsInEncode(Honest):
    name = "hangs-in-encode"

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        while raw.shape[1] == 160:
            time.sleep(0.1)
        return super().encode(raw, srgb)


SPECIMENS = [kind for kind in vars().values() if isinstance(kind, type) and issubclass(kind, Honest)]


@rawbench.hookimpl
def register_methods(register: Any) -> None:
    for kind in SPECIMENS:
        register(kind.name, kind)
