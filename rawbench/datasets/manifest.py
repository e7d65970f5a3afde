"""The manifest of a prepared dataset: which files, what they were, and which split each image is in.

``manifest.json`` below the dataset's root. The files stay where they are; the manifest names their folder, relative
to itself where that is inside the root.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from rawbench.errors import SampleError
from rawbench.files import write_atomically

NAME = "manifest.json"
FORMAT = 1


class File(BaseModel):
    """One file: its path below the source folder, and what it was when it was indexed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    sha256: str
    bytes: int


class Entry(BaseModel):
    """One image.

    Attributes:
        id: unique within the dataset.
        split: ``train``, ``validation`` or ``test``.
        camera: maker and model, or the dataset's name for it.
        raw: a camera file, or a linear image.
        srgb: the image beside it, or None.
        height: rows of raw and sRGB as they are loaded.
        width: columns, likewise.
        cfa: order of the colour filters, where there is a camera file.
        black: black levels, likewise.
        white: white level.
        orientation: degrees to the left by which the sRGB is turned to fit the raw.
        turned: degrees to the left by which a camera file asks to be turned, and is.
        mirrored: whether it asks to be mirrored before that, and is.
        simulated: whether a simulated camera made it.
        iso: sensitivity, where it is known.
        xyz_to_camera: colour matrix, its rows at any scale, where it is known.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    split: str
    camera: str
    raw: File
    srgb: File | None
    height: int
    width: int
    cfa: str = ""
    black: tuple[int, ...] = ()
    white: int = 65535
    orientation: int = 0
    turned: int = 0
    mirrored: bool = False
    simulated: bool = False
    iso: int | None = None
    xyz_to_camera: tuple[float, ...] = ()


class LeftOut(BaseModel):
    """A file that cannot be used, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    reason: str


class Manifest(BaseModel):
    """All images of a prepared dataset."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = FORMAT
    dataset: str
    revision: str
    source: str
    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...] = ()


def write_manifest(manifest: Manifest, root: Path) -> Path:
    """Write a manifest below a root, which is made if missing.

    Raises:
        SampleError: the folder cannot be made.
        RawbenchError: the file cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SampleError(f"cannot make {root}: {error.strerror}") from None
    path = root / NAME
    text = json.dumps(manifest.model_dump(mode="json"), indent=1, sort_keys=True) + "\n"
    write_atomically(path, text.encode())
    return path


def read_manifest(root: Path, dataset: str) -> Manifest:
    """The manifest below a root.

    Raises:
        SampleError: there is none, it is damaged, or of another dataset.
    """
    path = root / NAME
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        hint = f"prepare your copy once: rawbench datasets prepare {dataset} --from DIR --root {root}"
        raise SampleError(f"dataset {dataset}: no {path}; {hint}") from None
    except OSError as error:
        raise SampleError(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise SampleError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if manifest.dataset != dataset or manifest.format != FORMAT:
        raise SampleError(f"{path}: is of dataset {manifest.dataset!r}, format {manifest.format}")
    return manifest


def source_folder(manifest: Manifest, root: Path) -> Path:
    """Where the files of a manifest are."""
    return root / manifest.source


def describe_source(source: Path, root: Path) -> str:
    """The source folder as a manifest below ``root`` names it: relative where it is inside, else absolute."""
    source, root = source.resolve(), root.resolve()
    return os.path.relpath(source, root) if source.is_relative_to(root) else str(source)


def index_file(source: Path, path: Path) -> File:
    """A file with its digest.

    Raises:
        SampleError: it cannot be read.
    """
    return File(path=path.relative_to(source).as_posix(), sha256=digest_file(path), bytes=path.stat().st_size)


def digest_file(path: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        SampleError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SampleError(f"{path}: cannot be read ({error.strerror})") from None


def check_file(source: Path, file: File) -> str:
    """What is wrong with a file since it was indexed; empty when nothing is."""
    path = source / file.path
    if not path.is_file():
        return "missing"
    size = path.stat().st_size
    if size != file.bytes:
        return f"changed since it was prepared: {size} bytes, {file.bytes} then"
    return "" if digest_file(path) == file.sha256 else "changed since it was prepared: another digest"


def refuse_shared_images(entries: Iterable[Entry]) -> None:
    """Hold an index to its first rule: no image is in two splits, by id or by content.

    Raises:
        SampleError: names the two files.
    """
    seen: dict[str, Entry] = {}
    for entry in entries:
        for key in (entry.id, entry.raw.sha256):
            other = seen.setdefault(key, entry)
            if other.split != entry.split or (key == entry.id and other is not entry):
                raise SampleError(
                    f"{entry.raw.path} ({entry.split}) is the same image as {other.raw.path} ({other.split})"
                )
