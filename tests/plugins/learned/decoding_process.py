"""Run as a process of its own: decode streams and write what came out, for comparison bit by bit.

Arguments: folder with weights.safetensors, srgb.npy, NAME.stream; threads; tile; 1 or 0 for oneDNN.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch
from rawbench_learned.coding import Coder
from rawbench_learned.cvpr import CvprCoder, drawn
from rawbench_learned.cvpr_networks import CvprArchitecture
from rawbench_learned.journal import JournalCoder, draw
from rawbench_learned.journal_networks import JournalNetworks
from rawbench_learned.paper_systems import SEED, SIZES, tag_of
from rawbench_learned.serial import SerialCoder
from rawbench_learned.weights import read_weights

QUALITY = 230


def coders(folder: Path, tile: int) -> dict[str, Coder | JournalCoder | CvprCoder]:
    weights = read_weights(folder / "weights.safetensors")
    journal = JournalNetworks(*SIZES["small"])
    draw(journal, SEED)
    return {
        "learned": Coder(weights, tile),
        "serial": SerialCoder(weights, tile),
        "journal": JournalCoder(journal, tag_of(2, "small"), tile),
        "cvpr": CvprCoder(*drawn(CvprArchitecture(width=8, steps=3)), b"ab", tile),
    }


def quality_of(name: str) -> int:
    return 255 if name == "journal" else QUALITY


def main() -> None:
    folder, threads, tile, onednn = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "1"
    torch.set_num_threads(threads)
    srgb = torch.from_numpy(np.load(folder / "srgb.npy"))
    result = {"capability": torch.backends.cpu.get_cpu_capability()}
    with torch.backends.mkldnn.flags(enabled=onednn):
        for name, coder in coders(folder, tile).items():
            stream = (folder / f"{name}.stream").read_bytes()
            raw = coder.decode(stream, srgb, quality_of(name))
            np.save(folder / f"{name}-{sys.argv[5]}.npy", raw.numpy())
            latents = coder.latents(stream, srgb, quality_of(name))
            result[name] = hashlib.sha256(latents.numpy().tobytes()).hexdigest()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
