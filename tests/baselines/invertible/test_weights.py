from __future__ import annotations

import json

import pytest
import torch
from rawbench_invertible.invisp import ARCHITECTURES, WEIGHTS
from rawbench_invertible.networks import Architecture, InvertibleNetwork
from rawbench_invertible.weights import read_weights, write_weights
from safetensors.torch import load_file, save_file

from rawbench import SampleError


def test_shipped_weights():
    weights = read_weights(WEIGHTS)
    assert weights.network.config == ARCHITECTURES["small"] and WEIGHTS.stat().st_size < 4 * 2**20
    assert not any(text in json.dumps(weights.provenance) for text in ("/tmp", "/work", "/home", "/root"))


def test_another_value_is_another_digest(tmp_path):
    network = InvertibleNetwork(Architecture())
    first = write_weights(tmp_path / "a.safetensors", network, {})
    assert first == write_weights(tmp_path / "b.safetensors", network, {"other": 1})
    with torch.no_grad():
        network.mixers[0].log_scales[0] += 1e-3
    assert first != write_weights(tmp_path / "c.safetensors", network, {})


def test_what_is_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(SampleError, match="cannot be read"):
        read_weights(path)
    path.write_bytes(b"no weights")
    with pytest.raises(SampleError, match="cannot be read"):
        read_weights(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(SampleError, match="not weights of this version"):
        read_weights(path)
    write_weights(path, InvertibleNetwork(Architecture()), {})
    save_file(load_file(path), path, {"format": "rawbench-invisp-1", "config": "{}", "digest": "0"})
    with pytest.raises(SampleError, match="do not match their digest"):
        read_weights(path)
