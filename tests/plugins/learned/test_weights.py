from __future__ import annotations

import pytest
import torch
from rawbench_learned.coefficient_tables import SETS
from rawbench_learned.exact import ExactConv2d, weight_unit
from rawbench_learned.rate import LEVELS
from rawbench_learned.weights import read_weights
from safetensors import safe_open
from safetensors.torch import save_file

from rawbench.errors import SampleError


def test_what_was_written_comes_back(weights_file, weights):
    again = read_weights(weights_file)
    assert again.digest == weights.digest and again.provenance == {"trained": False}
    for name, value in weights.networks.state_dict().items():
        assert torch.equal(again.networks.state_dict()[name], value)


def test_exact_layers_are_stored_as_integers(weights_file, weights):
    with safe_open(weights_file, "pt") as file:
        for name, layer in weights.networks.named_modules():
            if isinstance(layer, ExactConv2d):
                assert file.get_tensor(f"{name}.weight").dtype == torch.int8
                units = layer.weight / weight_unit(layer.weight)
                assert torch.equal(units, units.round())


def test_steps_fall_and_tables_fit(weights):
    assert weights.z_steps.shape == (LEVELS, 48)
    assert (weights.z_steps[1:] <= weights.z_steps[:-1]).all() and weights.z_steps.min() >= 1
    assert weights.coefficient_shifts.shape == weights.coefficient_tables.shape == (SETS, weights.networks.config.base)


def changed(source, target, **metadata):
    with safe_open(source, "pt") as file:
        kept = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, target, kept | metadata)
    return target


def test_weights_that_cannot_be_used_are_named(weights_file, tmp_path):
    with pytest.raises(SampleError, match="missing.safetensors"):
        read_weights(tmp_path / "missing.safetensors")
    (tmp_path / "text.safetensors").write_text("not weights")
    with pytest.raises(SampleError, match="cannot be read"):
        read_weights(tmp_path / "text.safetensors")
    with pytest.raises(SampleError, match="not weights of this version"):
        read_weights(changed(weights_file, tmp_path / "a.safetensors", format="other"))
    with pytest.raises(SampleError, match="digest"):
        read_weights(changed(weights_file, tmp_path / "b.safetensors", digest="00"))
    with safe_open(weights_file, "pt") as file:
        config = file.metadata()["config"].replace('"width": 16', '"width": 24')
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    from rawbench_learned.weights import FORMAT

    from rawbench.blocks.weights import digest_of

    metadata = {"format": FORMAT, "config": config, "digest": digest_of(tensors, config), "provenance": "{}"}
    save_file(tensors, tmp_path / "c.safetensors", metadata)
    with pytest.raises(SampleError, match="another configuration"):
        read_weights(tmp_path / "c.safetensors")


def test_one_changed_weight_is_noticed(weights_file, tmp_path):
    content = bytearray(weights_file.read_bytes())
    content[-1] ^= 1
    (tmp_path / "d.safetensors").write_bytes(content)
    with pytest.raises(SampleError, match="digest"):
        read_weights(tmp_path / "d.safetensors")
