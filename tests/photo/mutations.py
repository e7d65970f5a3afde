"""Damaged photographs: whatever happens to a packed JPEG or to a DNG, there is the right raw or one line, nothing else.

    python -m tests.photo.mutations --count 10000 [--seed N]

The suite runs some hundreds of them (``test_mutations.py``).
"""

from __future__ import annotations

import argparse
import random
import tempfile
import traceback
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rawbench.codec import Codec
from rawbench.errors import RawbenchError
from rawbench.photo.contents import look, read_contents
from rawbench.photo.pack import pack_photo, read_photo
from rawbench.photo.steps import Silent
from rawbench.photo.unpack import unpack_photo, write_unpacked
from rawbench.photo.verify import verify
from rawbench.plugins import load_plugins
from rawbench.types import RatePoint
from tests.camera_files import frame, jpeg, rendered, segment, with_segment, write_dng

METHODS = {"poly": RatePoint(2, "degree=2"), "residual": RatePoint(10, "lossless")}
_HEAD = 1500  # where most of what a file says of itself lies


def mutated(data: bytes, chance: random.Random) -> bytes:
    """One to four changes: bits, bytes, numbers, runs of nought, pieces that are cut out, doubled or moved."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        size = len(changed)
        place = chance.randrange(min(size, _HEAD) if chance.random() < 0.6 else size)
        run = chance.choice((1, 2, 4, 16, 300))
        kind = chance.randrange(8)
        if kind <= 1:
            changed[place] ^= 1 << chance.randrange(8)
        elif kind == 2:
            changed[place] = chance.randrange(256)
        elif kind == 3:
            changed[place : place + run] = chance.randbytes(min(run, size - place))
        elif kind == 4:
            changed[place : place + run] = chance.choice((b"\0", b"\xff")) * min(run, size - place)
        elif kind == 5:
            del changed[place : place + run]
        elif kind == 6:
            changed[place:place] = changed[place : place + run]
        else:
            del changed[max(place, 40) :]
        if len(changed) < 40:
            break
    return bytes(changed)


class Kept(Codec):
    """The raw itself, on the 16-bit grid, squeezed: quick, and exact."""

    name = "kept"

    @classmethod
    def rate_points(cls, options: Any) -> list[RatePoint]:
        return [RatePoint(0, "all")]

    def encode(self, raw: torch.Tensor, srgb: torch.Tensor) -> bytes:
        return zlib.compress(np.rint(raw.numpy() * 65535.0).astype("<u2").tobytes(), 1)

    def decode(self, payload: bytes, srgb: torch.Tensor) -> torch.Tensor:
        values = np.frombuffer(zlib.decompress(payload), "<u2").reshape(srgb.shape)
        return torch.from_numpy((values / 65535.0).astype(np.float32))


class Subject:
    """A photograph, packed by each method, and what comes back of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        methods = load_plugins().methods
        self.codecs: dict[str, Any] = {name: methods.load(name) for name in METHODS}
        self.methods = methods
        self.dng = write_dng(folder / "a.dng", frame(48, 64)).read_bytes()
        carrier = folder / "a.jpg"
        plain = with_segment(jpeg(rendered(folder / "a.dng")), 0xE1, b"Exif\0\0" + self.dng[:8] + bytes(40))
        carrier.write_bytes(with_segment(plain, 0xFE, b"a comment") + segment(0xE1, b"behind"))
        self.jpegs: list[tuple[bytes, np.ndarray]] = []
        for name, given in (("poly", carrier), ("residual", carrier), ("poly", None)):
            codec = self.codecs[name]
            photo = read_photo(folder / "a.dng", given)
            packed = pack_photo(photo, codec, codec.Options(), METHODS[name], "cpu", 0, Silent())
            self.jpegs.append((packed.jpeg, self.unpack(packed.jpeg)))

    def unpack(self, data: bytes) -> np.ndarray:
        """What ``rawbench unpack`` does of a file's bytes, the DNG included."""
        contents = read_contents(data)
        name = self.methods.by_codec_id(contents.header.codec_id)
        if name is None:
            raise RawbenchError("another method")
        raw = unpack_photo(contents, look(data, contents), self.methods.load(name), {}, "cpu", Silent())
        write_unpacked(self.folder / "out.dng", raw, contents, data, 1, cfa=len(data) % 2 == 0)
        return raw.numpy()

    def try_jpeg(self, chance: random.Random) -> str:
        """Damage a packed JPEG: ``refused``, ``right``, or what was wrong."""
        plain, wanted = chance.choice(self.jpegs)
        data = mutated(plain, chance)
        try:
            found = self.unpack(data)
        except RawbenchError as error:
            return "refused" if "\n" not in str(error) else f"more than a line: {error}"
        except (Exception, MemoryError):
            return traceback.format_exc()
        return "right" if np.array_equal(found, wanted) else "another raw"

    def try_dng(self, chance: random.Random) -> str:
        """Damage a DNG and pack it without loss: what comes back must be what LibRaw read."""
        path = self.folder / "damaged.dng"
        path.write_bytes(mutated(self.dng, chance))
        try:
            photo = read_photo(path, None)
            packed = pack_photo(photo, Kept, Kept.Options(), RatePoint(0, "all"), "cpu", 0, Silent())
            quality = verify(packed, photo, Kept, {}, "cpu", Silent())
            contents = read_contents(packed.jpeg)
            for cfa in (False, True):
                write_unpacked(self.folder / "out.dng", photo.sample.raw, contents, packed.jpeg, 1, cfa)
        except RawbenchError as error:
            return "refused" if "\n" not in str(error) else f"more than a line: {error}"
        except (Exception, MemoryError):
            return traceback.format_exc()
        return "right" if quality.psnr > 140 else f"another raw: {quality}"


def run(count: int, seed: int, kinds: tuple[str, ...] = ("jpeg", "dng")) -> dict[str, Counter[str]]:
    """How many of the damaged files of each kind ended how."""
    with tempfile.TemporaryDirectory() as folder:
        subject = Subject(Path(folder))
        ended = {}
        for kind in kinds:
            attempt = getattr(subject, f"try_{kind}")
            ended[kind] = Counter(attempt(random.Random(f"{seed} {kind} {number}")) for number in range(count))
    return ended


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default="jpeg,dng")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for kind, counts in run(given.count, given.seed, tuple(given.kinds.split(","))).items():
        for how, count in counts.most_common():
            print(f"{kind}: {count} {how}")
