from __future__ import annotations

import numpy as np
import pytest
from rawbench_hybrid import contexts
from rawbench_hybrid.mixing import COUNT_BITS, COUNT_MASK
from rawbench_hybrid.model import FORMAT, WEIGHTS, read_model, unlearned, write_model

from rawbench.blocks.weights import load_weights, save_weights
from rawbench.errors import SampleError


def test_what_was_learned_comes_back(tmp_path):
    model = unlearned()
    random = np.random.default_rng(0)
    uses = random.integers(0, 900, contexts.COUNTERS)
    model.counters[:] = (random.integers(0, 1 << 22, contexts.COUNTERS) << COUNT_BITS | uses).astype(np.uint32)
    model.weights[:] = random.integers(-90000, 90000, model.weights.shape)
    digest = write_model(tmp_path / "m.safetensors", model, 24, {"note": "test"})
    read = read_model(tmp_path / "m.safetensors")
    assert read.digest == digest
    assert np.array_equal(read.weights, model.weights)
    assert np.array_equal(read.counters & COUNT_MASK, np.minimum(uses, 24))
    difference = (read.counters >> COUNT_BITS).astype(int) - (model.counters >> COUNT_BITS).astype(int)
    assert np.abs(difference).max() <= 64
    for mine, theirs in zip(read.tables, model.tables, strict=True):
        assert mine.dtype == theirs.dtype and np.array_equal(mine, theirs)


def test_a_copy_learns_alone():
    model = unlearned()
    other = model.copy()
    other.counters[0] = 1
    other.weights[0, 0] = 1
    assert model.counters[0] != 1 and model.weights[0, 0] != 1


def test_the_shipped_weights_are_small_and_of_this_version():
    assert WEIGHTS.stat().st_size <= 4 << 20
    assert read_model().counters.size == contexts.COUNTERS


def test_weights_of_another_version_are_refused(tmp_path):
    tensors, _ = load_weights(WEIGHTS, FORMAT, "test")
    tensors["uses"] = tensors["uses"][:-1]
    save_weights(tmp_path / "m.safetensors", FORMAT, tensors, {}, {})
    with pytest.raises(SampleError, match="version"):
        read_model(tmp_path / "m.safetensors")
