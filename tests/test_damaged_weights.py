"""Foreign and damaged weights files: read as they are, or refused with one line that names the file.

Seeded mutations of the shipped files: of the bytes, where the digest notices, and of tensors and configuration with a
digest that is right, as somebody else's program may write them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rawbench_hybrid.model
import rawbench_invertible.weights
import rawbench_learned.weights
import rawbench_sampling.cam_weights
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from rawbench.blocks.weights import digest_of
from rawbench.errors import SampleError

ROOT = Path(__file__).parents[1]
READERS: dict[str, tuple[Path, Callable[[Path], Any]]] = {
    "learned": (ROOT / "plugins/rawbench_learned/weights/learned.safetensors", rawbench_learned.weights.read_weights),
    "cam": (ROOT / "baselines/rawbench_sampling/weights/cam.safetensors", rawbench_sampling.cam_weights.read_weights),
    "invisp": (
        ROOT / "baselines/rawbench_invertible/weights/invisp.safetensors",
        rawbench_invertible.weights.read_weights,
    ),
    "hybrid": (
        ROOT / "plugins/rawbench_hybrid/weights/hybrid.safetensors",
        rawbench_hybrid.model.read_model.__wrapped__,
    ),
}
ODD_VALUES: tuple[Any, ...] = (None, True, -1, 0, 1, 10**9, 2.5, "x", [], {}, [1], "9" * 50)


def read(reader: Callable[[Path], Any], path: Path) -> str:
    """What the refusal says; "" where it was read."""
    try:
        reader(path)
    except SampleError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error)
        return str(error)
    return ""


def damaged(data: bytes, chance: random.Random) -> bytes:
    place = chance.choice([chance.randrange(min(len(data), 4000)), chance.randrange(len(data))])
    how = chance.randrange(4)
    if how == 0:
        return data[:place]
    if how == 1:
        return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]
    if how == 2:
        return data[:place] + chance.randbytes(chance.randrange(1, 9)) + data[place:]
    return data[:place] + data[place + 1 + chance.randrange(64) :]


def altered(tensor: Tensor, chance: random.Random) -> Tensor:
    """Of another type or shape, or with values that no training gives."""
    how = chance.randrange(6)
    if how == 0:
        return tensor.to(chance.choice([torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool]))
    if how == 1:
        return tensor.flatten()[: chance.randrange(tensor.numel() + 1)].clone()
    if how == 2:
        return torch.zeros((), dtype=tensor.dtype)
    if how == 3:
        return tensor.unsqueeze(0)
    if how == 4:
        return torch.zeros_like(tensor)
    return torch.full_like(tensor, float("nan") if tensor.is_floating_point() else torch.iinfo(tensor.dtype).min)


@pytest.mark.parametrize("name", READERS)
def test_bytes(name, tmp_path):
    source, reader = READERS[name]
    data, chance = source.read_bytes(), random.Random(name)
    path = tmp_path / "w.safetensors"
    for _ in range(100):
        broken = damaged(data, chance)
        path.write_bytes(broken)
        assert read(reader, path) or broken == data or b'"provenance"' in data, "the digest has noticed nothing"


@pytest.mark.parametrize("name", READERS)
def test_what_somebody_else_writes(name, tmp_path):
    source, reader = READERS[name]
    with safe_open(source, "pt") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    chance, path, refused = random.Random(name), tmp_path / "w.safetensors", 0
    for _ in range(60):
        changed, config = dict(tensors), json.loads(metadata["config"])
        key = chance.choice(sorted(changed))
        what = chance.randrange(5)
        if what == 0:
            del changed[key]
        elif what == 1 and config:
            config[chance.choice(sorted(config))] = chance.choice(ODD_VALUES)
        elif what == 2:
            config = chance.choice(ODD_VALUES)
        else:
            changed[key] = altered(changed[key], chance)
        text = json.dumps(config)
        facts = metadata | {"config": text, "digest": digest_of(changed, text)}
        if chance.randrange(8) == 0:
            del facts[chance.choice(sorted(facts))]
        save_file(changed, path, facts)
        refused += bool(read(reader, path))
    assert refused > 20
