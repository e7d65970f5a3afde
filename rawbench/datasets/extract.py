"""The training and validation images of a prepared dataset as frames to train on.

The form is that of `rawbench.training.frames`. Test images are never written, nor is any other image of a scene that
is tested: such scenes stand in the frames' manifest as excluded, and training refuses a frame of one. A scene is in one
split alone: a training image whose scene is also validated on is left out.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rawbench.codec import Advance
from rawbench.datasets.prepared import PreparedDataset
from rawbench.errors import SampleError, UsageError
from rawbench.simulate.frames import MANIFEST_COLUMNS
from rawbench.types import Sample


def write_training_frames(dataset: PreparedDataset, out: Path, advance: Advance) -> dict[str, int]:
    """Write ``train/``, ``validation/`` and, last, ``manifest.csv`` below a new folder.

    Args:
        dataset: prepared; its options say which cameras, which rendition and which raw space.
        out: the folder; made if missing.
        advance: is told how many of how many images are done.

    Returns:
        How many frames each split has, and how many images were ``left out``.

    Raises:
        UsageError: the folder holds something.
        SampleError: an image is not what was prepared, or there is none to train on.
        RawbenchError: a file cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: is there already, and not empty")
    tested, chosen = choose_images(dataset)
    if not chosen["train"]:
        raise SampleError(f"dataset {dataset.name}: no image to train on")
    rows: list[dict[str, Any]] = [
        {"split": "excluded", "scene": scene, "note": "has a test image"} for scene in sorted(tested)
    ]
    total = sum(map(len, chosen.values()))
    for split, ids in chosen.items():
        (out / split).mkdir(parents=True, exist_ok=True)
        for number, id in enumerate(ids):
            advance(len(rows) - len(tested), total)
            row = {"frame": number, "split": split, "scene": dataset.scene_of(id), "note": id}
            rows.append(row | _write_frame(out / split, number, dataset.load(id)))
    with (out / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, MANIFEST_COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)
    counts = {split: len(ids) for split, ids in chosen.items()}
    return counts | {"left out": sum(len(dataset.ids(split)) for split in chosen) - total}


def choose_images(dataset: PreparedDataset) -> tuple[set[str], dict[str, list[str]]]:
    """The scenes with a test image, and the ids of the training and validation images of other scenes."""
    tested, validated = ({dataset.scene_of(id) for id in dataset.ids(split)} for split in ("test", "validation"))
    chosen = {
        "train": [id for id in dataset.ids("train") if dataset.scene_of(id) not in tested | validated],
        "validation": [id for id in dataset.ids("validation") if dataset.scene_of(id) not in tested],
    }
    return tested, chosen


def _write_frame(folder: Path, number: int, sample: Sample) -> dict[str, Any]:
    row: dict[str, Any] = {"camera": sample.info.camera, "iso": sample.info.facts.get("iso") or ""}
    for kind, pixels in _pixels(sample):
        np.save(folder / f"{kind}_{number:05d}.npy", pixels)
        row[f"{kind}_sha256"] = hashlib.sha256(pixels.tobytes()).hexdigest()
    return row


def _pixels(sample: Sample) -> Iterator[tuple[str, np.ndarray]]:
    """raw as uint16 (H, W, 3), which its float32 came from, and sRGB as uint8."""
    raw = np.rint(sample.raw.permute(1, 2, 0).numpy() * np.float32(65535)).astype(np.uint16)
    yield "raw", np.ascontiguousarray(raw)
    yield "srgb", np.ascontiguousarray(sample.srgb.permute(1, 2, 0).numpy())
