"""Gathering what the checks judge: a few processes, each of which does the work of many checks.

========== ============ ==============================================================================
process    surroundings what happens in it
========== ============ ==============================================================================
mislead    usual        an image's sRGB is encoded with another raw, before all else
encode     usual        every image is encoded, and decoded again by new instances in the same process; those with
                        an sRGB of 16 bits where the method takes them
again      other        some images are encoded again
mislead    usual        other images' sRGBs are encoded with another raw: what is kept outside of streams is wrong now
decode     usual        files are decoded; the raw images are on no disk and in no memory by then
elsewhere  other        some files are decoded with other threads, vector width, hash seed and clock
damage     usual        damaged files and payloads, under a limit of time and memory
golden     usual        streams that earlier versions wrote are decoded
========== ============ ==============================================================================
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from rawbench.testing.processes import Launcher
from rawbench.testing.scenes import Image, kit_images
from rawbench.testing.subject import Subject

PROGRESS = {
    "encode": "encoding",
    "again": "encoding in another process",
    "decode": "decoding in a fresh process",
    "elsewhere": "decoding in other surroundings",
    "damage": "decoding damaged streams",
    "golden": "decoding golden streams",
    "mislead_first": "encoding another raw",
    "mislead_last": "encoding another raw",
}
PROCESSES = tuple(PROGRESS)
OTHER_CLOCK_SECONDS = 400 * 86400 + 3600 + 61.0  # another day, hour, minute and second
OTHER_HOST = "other-host"
PAIR = ("pair-a", "pair-b")
WRONG_SIZE = "17x33"
MISLED_FIRST, MISLED_LAST = ("pair-b",), ("pair-a", "17x33")
AGAIN = ("scene-a", "17x33")
ELSEWHERE = ("scene-a", "17x33", "scene-a-16", *PAIR)

ALWAYS = ("pair", "odd")
"""Kinds of images that are encoded whatever is asked: small, and enough to see what reaches a decoder."""

# Which rate points an image is encoded at: all of them, the middle one, or (all other kinds) the first and the last.
WANTED = {"natural": "all", "odd": "all", "small": "all", "medium": "middle"}


@dataclass(frozen=True)
class Limits:
    """How long a step may take.

    Attributes:
        step_seconds: setup, encode or decode of one image.
        damaged_seconds: decoding a damaged stream; ten times the honest decode, where that is longer.
    """

    step_seconds: float = 300.0
    damaged_seconds: float = 10.0


@dataclass
class Evidence:
    """All records, and the arrays and files that belong to them."""

    device: str
    images: dict[str, Image]
    records: list[dict[str, Any]] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    streams: dict[tuple[str, int], bytes] = field(default_factory=dict)
    golden: dict[str, np.ndarray] = field(default_factory=dict)
    damaged_seconds: float = 0.0

    def of(self, process: str, *actions: str, **about: Any) -> Iterator[dict[str, Any]]:
        """The records of a process, in order, of some actions and with some values."""
        for record in self.records:
            if (
                record["process"] == process
                and (not actions or record["action"] in actions)
                and all(record.get(key) == value for key, value in about.items())
            ):
                yield record

    def one(self, process: str, action: str, **about: Any) -> dict[str, Any] | None:
        """The first such record that ended well, or None."""
        return next((r for r in self.of(process, action, **about) if "error" not in r), None)

    @property
    def described(self) -> dict[str, Any] | None:
        """What the method says of itself."""
        return self.one("encode", "describe")

    @property
    def setup_error(self) -> str:
        """Why the method could not be set up, or ""."""
        failed = next((r for r in self.of("encode", "setup") if "error" in r), None)
        return f"setup failed at rate point {failed['point']}: {failed['error']}" if failed else ""

    def array(self, record: dict[str, Any]) -> np.ndarray | None:
        """What decode returned, float64, or None where it was no array."""
        return self.arrays.get(f"{record['process']}/{record.get('array')}")

    def files(self, *names: str) -> dict[tuple[str, int], tuple[bytes, np.ndarray]]:
        """Streams with their sRGBs, of some images or of all: (image, rate point) -> (file, sRGB)."""
        pixels = {name: image.srgb for name, image in self.images.items() if not names or name in names}
        return {key: (data, pixels[key[0]]) for key, data in self.streams.items() if key[0] in pixels}

    def images_of(self, *kinds: str) -> list[str]:
        """The names of the images of some kinds."""
        return [image.name for image in self.images.values() if image.kind in kinds]


def gather(
    subject: Subject,
    device: str,
    processes: Collection[str],
    launcher: Launcher,
    limits: Limits,
    golden: dict[str, tuple[bytes, np.ndarray]],
    kinds: Collection[str],
    progress: Callable[[str], None],
) -> Evidence:
    """Run the processes that are asked for, and always ``encode``.

    Args:
        subject: the method.
        device: ``cpu`` or ``cuda``.
        processes: names out of ``PROCESSES``.
        launcher: starts them.
        limits: of time.
        golden: name -> (file, sRGB), from ``rawbench.testing.golden``.
        kinds: of images that are encoded besides ``ALWAYS``.
        progress: told what happens now.
    """
    images = {image.name: image for image in kit_images() if image.kind in {*ALWAYS, *kinds}}
    evidence = Evidence(device, images)
    run = _Runner(evidence, subject, launcher, limits, progress)
    if "decode" in processes:
        run.mislead("mislead_first", MISLED_FIRST)
    run("encode", "usual", _encode_job(images), images=images.values())
    if evidence.described is None or evidence.setup_error:
        return evidence
    if "again" in processes:
        again = [images[name] for name in AGAIN if name in images]
        run("again", "other", {"act": "encode_again", "again": [image.name for image in again]}, images=again)
    if "decode" in processes:
        run.mislead("mislead_last", MISLED_LAST)
        run("decode", "usual", {"act": "decode"}, files=evidence.files())
    if "elsewhere" in processes:
        where = "cpu" if "cpu" in evidence.described["devices"] else device
        run("elsewhere", "other", {"act": "decode", "device": where}, files=evidence.files(*ELSEWHERE))
    if "damage" in processes:
        run.damage()
    if "golden" in processes and golden:
        run("golden", "usual", {"act": "decode"}, files={(name, 0): pair for name, pair in golden.items()})
    return evidence


def _encode_job(images: dict[str, Image]) -> dict[str, Any]:
    wanted = {image.name: WANTED.get(image.kind, "ends") for image in images.values()}
    return {"act": "encode", "wanted": wanted, "pair": PAIR}


@dataclass
class _Runner:
    """Runs one process, takes its records, arrays and streams over, and removes its folder."""

    evidence: Evidence
    subject: Subject
    launcher: Launcher
    limits: Limits
    progress: Callable[[str], None]

    def mislead(self, process: str, names: tuple[str, ...]) -> None:
        """Encode the sRGBs of some images with other raws."""
        images = [self.evidence.images[name] for name in names]
        self(process, "usual", {"act": "mislead", "mislead": names}, images=images)

    def damage(self) -> None:
        """Decode damaged streams of the small pair, in so much time as honest ones allow."""
        evidence = self.evidence
        honest = [r["seconds"] for name in PAIR for r in evidence.of("encode", "decode_here", image=name)]
        evidence.damaged_seconds = max(self.limits.damaged_seconds, 10 * max(honest, default=0.0))
        images = [evidence.images[name] for name in (*PAIR, WRONG_SIZE)]
        job = {"act": "damage", "pair": PAIR, "wrong_size": WRONG_SIZE}
        self("damage", "usual", job, images=images, files=evidence.files(PAIR[0]))

    def __call__(
        self,
        process: str,
        surroundings: str,
        job: dict[str, Any],
        images: Any = (),
        files: dict[tuple[str, int], tuple[bytes, np.ndarray]] | None = None,
    ) -> None:
        self.progress(PROGRESS[process])
        folder = self.launcher.folder(process)
        evidence = self.evidence
        whole = {
            "subject": asdict(self.subject),
            "device": evidence.device,
            "seed": 100 + PROCESSES.index(process),
            "clock_offset_seconds": OTHER_CLOCK_SECONDS if surroundings == "other" else 0.0,
            "host": OTHER_HOST if surroundings == "other" else "",
            "files": [{"file": f"{image}-{point}", "image": image, "point": point} for image, point in files or {}],
            **job,
        }
        if images:
            whole["images"] = str(folder / "images.npz")
            arrays = {f"raw/{i.name}": i.raw for i in images} | {f"srgb/{i.name}": i.srgb for i in images}
            np.savez(whole["images"], **arrays)
        for (image, point), (data, srgb) in (files or {}).items():
            (folder / "work" / f"{image}-{point}.rbs").write_bytes(data)
            np.save(folder / "work" / f"{image}-{point}.npy", srgb)
        damaged = evidence.damaged_seconds or self.limits.damaged_seconds
        seconds = {
            "": self.limits.step_seconds,
            **dict.fromkeys(("damaged_file", "foreign_file", "damaged_payload"), damaged),
        }
        for record in self.launcher.run(folder, whole, surroundings, seconds):
            evidence.records.append({"process": process, **record})
        for path in (folder / "out").glob("*.npy"):
            evidence.arrays[f"{process}/{path.name}"] = np.load(path, allow_pickle=False)
        for path in sorted((folder / "out").glob("*.rbs")):
            name, _, number = path.stem.rpartition("-")
            evidence.streams[name, int(number)] = path.read_bytes()
        shutil.rmtree(folder)
