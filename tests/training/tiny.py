"""A learned method as small as one can be, and frames for it; also a program, to be stopped or run in parallel."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel
from safetensors.torch import save_file

SIZE = (80, 96)


class TinyTask:
    """A convolution from the sRGB to raw, with noise from both sources of random numbers in its loss."""

    class Config(BaseModel, extra="forbid"):
        rate: float = 1e-2
        width: int = 3

    def __init__(self, config: Config) -> None:
        self.config = config
        self.model = torch.nn.Sequential(
            torch.nn.Conv2d(3, config.width, 3, padding=1),
            torch.nn.BatchNorm2d(config.width),
            torch.nn.Conv2d(config.width, 3, 1),
        )
        self.initialised_with = 0

    def initialise(self, frames) -> None:
        self.initialised_with = len(frames)

    def loss(self, batch, step, generator):
        srgb = batch["srgb"].float() / 255
        noise = torch.rand(srgb.shape, generator=generator, device=srgb.device) - 0.5
        decoded = self.model(srgb + noise / 255) + torch.randn_like(srgb) * 1e-3
        loss = (decoded - batch["raw"]).square().mean()
        return loss, {"mse": loss}

    def optimizers(self):
        weights, rest = list(self.model[0].parameters()), list(self.model[1:].parameters())
        return [torch.optim.Adam(weights, self.config.rate), torch.optim.Adam(rest, self.config.rate)]

    def schedule(self, progress):
        return 1 - progress

    def validate(self, batch):
        error = (self.model(batch["srgb"].float() / 255) - batch["raw"]).square().mean()
        return {"objective": error, "psnr": -10 * torch.log10(error)}

    def export(self, path, provenance) -> None:
        save_file(self.model.state_dict(), path, {"provenance": json.dumps(provenance)})
        path.with_suffix(".txt").write_text("beside")


class PlainTask(TinyTask):
    """The same without noise and without means over a batch: what a batch teaches does not depend on who has it."""

    def __init__(self, config: TinyTask.Config) -> None:
        super().__init__(config)
        self.model = torch.nn.Sequential(torch.nn.Conv2d(3, config.width, 3, padding=1), torch.nn.ReLU(),
                                         torch.nn.Conv2d(config.width, 3, 1))  # fmt: skip

    def loss(self, batch, step, generator):
        loss = (self.model(batch["srgb"].float() / 255) - batch["raw"]).square().mean()
        return loss, {"mse": loss}


def write_frames(folder: Path, count: int = 3, size: tuple[int, int] = SIZE, developed: bool = False) -> None:
    """Write smooth frames of random scenes, in the form of a simulation's output; developed ones are negatives."""
    rows = []
    for split in ("train", "validation"):
        (folder / split).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            arrays = dict(zip(("raw", "srgb"), frame(number, size), strict=True))
            if developed:
                arrays["developed"] = 255 - arrays["srgb"]
            for kind, array in arrays.items():
                np.save(folder / split / f"{kind}_{number:05d}.npy", array)
            digests = {f"{kind}_sha256": hashlib.sha256(a.tobytes()).hexdigest() for kind, a in arrays.items()}
            rows.append({"frame": number, "split": split, "scene": f"{split}-{number}.hdr", **digests})
    write_manifest(folder, rows)


def frame(number: int, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Return raw uint16 and sRGB uint8, both (H, W, 3)."""
    draw = np.random.default_rng(number)
    blocks = draw.random((size[0] // 8, size[1] // 8, 3)).repeat(8, 0).repeat(8, 1)
    light = 0.8 * blocks + 0.1 * draw.random((*size, 3))
    return (light**2.2 * 65535).astype(np.uint16), (light * 255).astype(np.uint8)


def read_manifest(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def write_manifest(folder: Path, rows: list[dict]) -> None:
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    from rawbench.training import train

    train(
        PlainTask if "--plain" in sys.argv else TinyTask,
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        resume="--resume" in sys.argv,
    )
