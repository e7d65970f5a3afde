"""What the field's datasets share: the user's own copy is indexed once, checked, and read through its manifest."""

from __future__ import annotations

import hashlib
import os
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from rawbench.dataset import Dataset
from rawbench.datasets import manifest
from rawbench.datasets.found_files import CAMERA_SUFFIXES, files_below, printable
from rawbench.datasets.manifest import Entry, LeftOut, Manifest
from rawbench.datasets.rendered import RenditionOptions
from rawbench.errors import SampleError, UsageError, suggest
from rawbench.types import Problem, Sample, SampleInfo

if TYPE_CHECKING:
    import numpy as np

    from rawbench.camera.read import CameraFile

SPLITS = ("train", "validation", "test")
SPLIT_NAMES = {"train": "train", "training": "train", "val": "validation", "valid": "validation",
               "validation": "validation", "test": "test", "testing": "test"}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """An image that an index found: where its files are, and its split. ``camera`` where the layout says it."""

    id: str
    split: str
    raw: Path
    srgb: Path | None = None
    camera: str = ""


@dataclass(frozen=True)
class Pair:
    """What the files of an image hold: raw and sRGB at one size, and the camera file where there is one."""

    raw16: np.ndarray
    srgb: np.ndarray
    camera: CameraFile | None


class PreparedDataset(Dataset):
    """A dataset behind a manifest; a subclass says how its files lie."""

    licence: ClassVar[str] = ""
    where: ClassVar[str] = ""
    published_splits: ClassVar[str] = ""
    white: ClassVar[int] = 65535

    class Options(RenditionOptions):
        """Options of a prepared dataset."""

        root: Path | None = Field(default=None, description="of the manifest; else $RAWBENCH_DATA/NAME")
        camera: str = Field(default="", description="only images whose camera's name holds this")

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self._manifest: Manifest | None = None
        self._checked: set[str] = set()
        self._infos: dict[str, SampleInfo] = {}

    @classmethod
    @abstractmethod
    def index(cls, source: Path) -> Iterator[Found]:
        """The images below a folder, in a fixed order; nothing is read yet.

        Raises:
            SampleError: the folder does not have the dataset's layout.
        """

    def prepare(self, source: Path, root: Path) -> None:
        """Index the images below ``source`` and write the manifest below ``root``.

        Files that cannot be used are listed there with the reason.

        Raises:
            SampleError: no image of the dataset's layout, or one image in two splits.
        """
        if not source.is_dir():
            raise SampleError(f"dataset {self.name}: {source} is no folder")
        entries, left_out = [], []
        for found in self.index(source):
            try:
                entries.append(self._entry(source, found))
            except SampleError as error:
                reason = printable(str(error).removeprefix(f"{found.raw}: "))
                left_out.append(LeftOut(path=printable(found.raw.relative_to(source).as_posix()), reason=reason))
        if not entries:
            first = f" ({left_out[0].path}: {left_out[0].reason})" if left_out else ""
            raise SampleError(f"dataset {self.name}: no image below {source} can be used{first}")
        manifest.refuse_shared_images(entries)
        described = manifest.describe_source(source, root)
        self._manifest = Manifest(dataset=self.name, revision=self.revision, source=described,
                                  entries=tuple(entries), left_out=tuple(left_out))  # fmt: skip
        manifest.write_manifest(self._manifest, root)

    def verify(self, root: Path) -> list[Problem]:
        """Files that are missing, changed, unreadable, mis-sized, turned or of another picture: a line a file."""
        listed = manifest.read_manifest(root, self.name)
        source = manifest.source_folder(listed, root)
        problems = [Problem(left.path, f"not used: {left.reason}") for left in listed.left_out]
        files = [file for entry in listed.entries for file in (entry.raw, entry.srgb) if file]
        known = {file.sha256: file.path for file in files}
        for entry in listed.entries:
            problems += self._verify_entry(source, entry, known)
        return problems

    def ids(self, split: str = "test") -> list[str]:
        """The ids of a split, as the manifest has them."""
        if split not in SPLITS:
            raise UsageError(f"dataset {self.name}: no split {split!r}; there are {', '.join(SPLITS)}")
        wanted = self.options.camera.lower()
        entries = self.manifest.entries
        if entries and not any(wanted in entry.camera.lower() for entry in entries):
            cameras = ", ".join(sorted({entry.camera for entry in entries}))
            raise UsageError(
                f"dataset {self.name}: no camera's name holds {self.options.camera!r}; there are {cameras}"
            )
        return [entry.id for entry in entries if entry.split == split and wanted in entry.camera.lower()]

    def scene_of(self, id: str) -> str:
        """What the image shows: images of one scene are not to be in training and test. Here, each shows its own."""
        return id

    def info(self, id: str) -> SampleInfo:
        """What the manifest says of an image.

        How large a JPEG is, what a given image shows, or whether that of a pair has 16 bits, needs its pixels.
        """
        if id not in self._infos:
            from rawbench.camera.renditions import parse_rendition

            entry = self._find(id)
            wanted = parse_rendition(self.options.rendition)
            pair16 = wanted.bits == 16 and Path(entry.raw.path).suffix.lower() not in CAMERA_SUFFIXES
            if wanted.quality is not None or wanted.given or pair16:
                return self.load(id).info
            self._infos[id] = self._info(entry, None, (entry.height, entry.width))
        return self._infos[id]

    def load(self, id: str) -> Sample:
        """The image, if its files are those that were prepared."""
        from rawbench.camera.renditions import apply_rendition, develop, parse_rendition
        from rawbench.camera.tensors import raw_tensor, srgb_tensor

        entry = self._find(id)
        source = manifest.source_folder(self.manifest, self.root)
        self._check(source, entry)
        wanted = parse_rendition(self.options.rendition)
        pair = self.read(source, entry)
        if wanted.in_camera:
            if pair.camera is None or self.options.raw_space != "camera":
                raise SampleError(f"{entry.raw.path}: rendition camera is made from camera files, in raw space camera")
            srgb, carrier_bytes = develop(pair.raw16, pair.camera.info.xyz_to_balanced, wanted)
        else:
            srgb, carrier_bytes = apply_rendition(pair.srgb, wanted)
        if wanted.given and entry.srgb and entry.srgb.path.lower().endswith((".jpg", ".jpeg")):
            carrier_bytes = entry.srgb.bytes
        info = self._infos[id] = self._info(entry, carrier_bytes, (srgb.shape[0], srgb.shape[1]))
        return Sample(info, raw_tensor(pair.raw16), srgb_tensor(srgb))

    @property
    def root(self) -> Path:
        """Where the manifest is."""
        return self.options.root or default_root(self.name)

    @property
    def manifest(self) -> Manifest:
        """The manifest, read once.

        Raises:
            SampleError: there is none, or it is damaged.
        """
        if self._manifest is None:
            self._manifest = manifest.read_manifest(self.root, self.name)
        return self._manifest

    def read(self, source: Path, entry: Entry) -> Pair:
        """Read the files of an image, turned and cropped to one size.

        Raises:
            SampleError: a file is unreadable, or the two do not fit.
        """
        from rawbench.camera.images import pair_with, read_raw16
        from rawbench.camera.renditions import parse_rendition

        camera, bits = None, parse_rendition(self.options.rendition).bits
        path = source / entry.raw.path
        if path.suffix.lower() in CAMERA_SUFFIXES:
            from rawbench.camera.read import read_camera_file

            camera = read_camera_file(path, self.options.raw_space, bits)
            raw16, srgb = camera.raw16, camera.srgb(bits)
        else:
            if self.options.raw_space != "camera":
                raise SampleError(f"{entry.raw.path}: raw space xyz needs camera files, not pairs of images")
            raw16, srgb = read_raw16(path, self.white, entry.white), None
        if srgb is not None and self.options.rendition != "given":
            return Pair(raw16, srgb, camera)
        if entry.srgb is None:
            raise SampleError(f"{entry.raw.path}: rendition given: there is no image beside it")
        shown = camera.info.shown if camera is not None else None
        pair = pair_with(raw16, source / entry.srgb.path, bits, shown, entry.orientation)
        return Pair(pair.raw16, pair.srgb, camera)

    def _entry(self, source: Path, found: Found) -> Entry:
        if printable(str(found.raw)) != str(found.raw):
            raise SampleError(f"{found.raw}: a manifest cannot hold its name, which is no UTF-8")
        camera_file = found.raw.suffix.lower() in CAMERA_SUFFIXES
        files = manifest.index_file(source, found.raw), manifest.index_file(source, found.srgb) if found.srgb else None
        facts: dict[str, Any] = {"camera": found.camera}
        if camera_file:
            from rawbench.camera.read import read_camera_info

            info = read_camera_info(found.raw)
            facts = {"camera": found.camera or info.camera, "height": info.height, "width": info.width,
                     "cfa": info.cfa, "black": info.black, "white": info.white, "simulated": info.simulated,
                     "iso": info.iso, "xyz_to_camera": info.xyz_to_balanced, "turned": info.turned,
                     "mirrored": info.mirrored}  # fmt: skip
        else:
            facts |= self._measure_pair(found)
        return Entry(id=found.id, split=found.split, raw=files[0], srgb=files[1], **facts)

    def _measure_pair(self, found: Found) -> dict[str, Any]:
        """Size and orientation of a pair of images: a sRGB that lies on its side is turned the way that fits."""
        import numpy as np

        from rawbench.camera.alignment import correlation, fit_raw
        from rawbench.camera.images import PACKED_SUFFIXES, read_raw16, read_srgb8

        if found.srgb is None:
            raise SampleError(f"{found.raw}: no sRGB of this name beside it")
        white = self._image_white()
        raw16, srgb8 = read_raw16(found.raw, self.white, white), read_srgb8(found.srgb)
        turns = [0]
        if (raw16.shape[0] > raw16.shape[1]) != (srgb8.shape[0] > srgb8.shape[1]):
            turns = [1, 3]
        fits, problem = {}, ""
        for turn in turns:
            turned = np.rot90(srgb8, turn)
            try:
                fits[turn] = correlation(fit_raw(raw16, turned)[0], turned)
            except SampleError as error:
                problem = f"{found.srgb.name}: {error}"
        if not fits:
            raise SampleError(problem)
        best = max(fits, key=lambda turn: fits[turn])
        height, width = np.rot90(srgb8, best).shape[:2]
        packed = found.raw.suffix.lower() in PACKED_SUFFIXES
        return {"height": height, "width": width, "orientation": 90 * best,
                "white": self.white if packed else white or 65535}  # fmt: skip

    def _image_white(self) -> int | None:
        """The value of white in raws that are TIFF or PNG; None where it is to be seen that all bits are used."""
        return 65535

    def _check(self, source: Path, entry: Entry) -> None:
        """Refuse an image whose files are not those that were prepared; each is looked at once."""
        if entry.id in self._checked:
            return
        for file in filter(None, (entry.raw, entry.srgb)):
            problem = manifest.check_file(source, file)
            if problem:
                raise SampleError(f"{source / file.path}: {problem}; see 'rawbench datasets verify {self.name}'")
        self._checked.add(entry.id)

    def _verify_entry(self, source: Path, entry: Entry, known: dict[str, str]) -> list[Problem]:
        """The problems of an image; ``known`` names every file of the dataset by its digest."""
        files = [entry.raw, *([entry.srgb] if entry.srgb else [])]
        said = {file.path: manifest.check_file(source, file) for file in files}
        for path, problem in said.items():
            if problem.startswith("changed") and (other := known.get(manifest.digest_file(source / path))):
                said[path] = f"{problem} (that of {other})"
        if "missing" not in said.values():
            what = self._verify_content(source, entry)
            # The file that changed is to blame; of an unchanged pair, the sRGB.
            blamed = next((path for path, problem in said.items() if problem), files[-1].path)
            if what:
                said[blamed] = f"{said[blamed]}; {what}" if said[blamed] else what
        return [Problem(path, problem) for path, problem in said.items() if problem]

    def _verify_content(self, source: Path, entry: Entry) -> str:
        """What is wrong with the pixels of an image; empty when nothing is."""
        given = type(self)(self.options.model_copy(update={"rendition": "given" if entry.srgb else "png"}))
        try:
            pair = given.read(source, entry)
        except SampleError as error:
            said = str(error)
            for file in filter(None, (entry.raw, entry.srgb)):
                said = said.removeprefix(f"{source / file.path}: ")
            return said
        if pair.camera is not None and pair.camera.info.turned != entry.turned:
            return f"turned by {(pair.camera.info.turned - entry.turned) % 360} degrees to the left since"
        if pair.camera is not None and pair.camera.info.mirrored != entry.mirrored:
            return "mirrored since"
        height, width = pair.srgb.shape[:2]
        camera_size = entry.srgb is not None and pair.camera is not None
        if (height, width) != (entry.height, entry.width) and not camera_size:
            return f"{width}x{height} pixels, {entry.width}x{entry.height} were prepared"
        return ""

    def _info(self, entry: Entry, carrier_bytes: int | None, size: tuple[int, int]) -> SampleInfo:
        facts: dict[str, Any] = {"simulated": entry.simulated, "iso": entry.iso, "camera": entry.camera}
        if entry.xyz_to_camera and self.options.raw_space == "camera":
            facts["xyz_to_camera"] = list(entry.xyz_to_camera)
        if carrier_bytes is not None:
            facts["carrier_bytes"] = carrier_bytes
        rendition, space = self.options.rendition, self.options.raw_space
        digests = f"{entry.raw.sha256} {entry.srgb.sha256 if entry.srgb else ''} {entry.orientation}"
        digest = hashlib.sha256(f"{digests} {rendition} {space}".encode()).hexdigest()
        return SampleInfo(entry.id, entry.camera, rendition, space, *size, digest,
                          entry.simulated, facts)  # fmt: skip

    def _find(self, id: str) -> Entry:
        entries = {entry.id: entry for entry in self.manifest.entries}
        if id not in entries:
            raise SampleError(f"dataset {self.name}: no image {id!r}{suggest(id, entries)}")
        return entries[id]


def default_root(name: str) -> Path:
    """Where a dataset's manifest is unless an option says otherwise."""
    folder = os.environ.get("RAWBENCH_DATA")
    return (Path(folder) if folder else Path.home() / ".local" / "share" / "rawbench") / name


def camera_files(folder: Path) -> list[Path]:
    """The camera files in a folder and below it, sorted."""
    return [path for path in files_below(folder) if path.suffix.lower() in CAMERA_SUFFIXES]


def read_split(name: str) -> dict[int, str]:
    """A frozen split: image number -> split (or fold), from ``rawbench/datasets/splits/NAME.csv``."""
    from importlib import resources

    text = (resources.files("rawbench.datasets") / "splits" / f"{name}.csv").read_text("utf-8")
    rows = [line.split(",") for line in text.splitlines() if line and not line.startswith("#")]
    return {int(number): split for number, split in rows[1:]}
