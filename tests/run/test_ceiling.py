"""The ceiling: no mapping of the sRGB triple beats it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import rawbench
from rawbench.metrics.pixelwise import mean_squared_error, psnr_of
from rawbench.plugins import load_plugins
from rawbench.run.ceiling import ceiling_psnr
from rawbench.run.plan import dataset_spec, open_dataset

GLOBAL_MAPPINGS = ("poly", "lut", "unprocess")

SHAPE = (3, 5, 7)
raws = arrays.arrays(np.float32, SHAPE, elements=st.floats(0, 1, width=32))
# Few codes, so that triples occur often.
codes = arrays.arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 1, 128, 255]))
# Of each of 64 triples.
mappings = arrays.arrays(np.float32, (64, 3), elements=st.floats(0, 1, width=32))


@given(raws, codes, mappings)
def test_no_mapping_of_the_triple_beats_it(raw, srgb, mapping):
    index = np.searchsorted([0, 1, 128, 255], srgb.astype(int))
    mapped = mapping[index[0] * 16 + index[1] * 4 + index[2]].transpose(2, 0, 1)
    found = psnr_of(float(np.mean((mapped.astype(float) - raw) ** 2)))
    assert found <= ceiling_psnr(torch.from_numpy(raw), torch.from_numpy(srgb)) + 1e-9


@given(raws, codes)
def test_it_is_that_of_the_conditional_mean(raw, srgb):
    total = 0.0
    flat, triples = raw.reshape(3, -1).astype(float), srgb.reshape(3, -1)
    for triple in np.unique(triples, axis=1).T:
        mine = flat[:, (triples == triple[:, None]).all(0)]
        total += ((mine - mine.mean(1, keepdims=True)) ** 2).sum()
    expected = total / raw.size
    found = ceiling_psnr(torch.from_numpy(raw), torch.from_numpy(srgb))
    assert 10 ** (-found / 10) == pytest.approx(expected, rel=1e-9, abs=1e-18)


@given(codes, mappings)
def test_a_raw_that_is_a_mapping_has_none(srgb, mapping):
    index = np.searchsorted([0, 1, 128, 255], srgb.astype(int))
    raw = mapping[index[0] * 16 + index[1] * 4 + index[2]].transpose(2, 0, 1)
    assert ceiling_psnr(torch.from_numpy(raw), torch.from_numpy(srgb)) == math.inf


def test_an_srgb_of_16_bits_has_none():
    with pytest.raises(ValueError, match="of 8 bits"):
        ceiling_psnr(torch.zeros(3, 2, 2), torch.zeros(3, 2, 2, dtype=torch.uint16))


def test_order_and_layout_do_not_matter():
    random = np.random.default_rng(0)
    raw = torch.from_numpy(random.random((3, 40, 50), dtype=np.float32))
    srgb = torch.from_numpy(random.integers(0, 3, (3, 40, 50), dtype=np.uint8))
    turned = ceiling_psnr(raw.transpose(1, 2), srgb.transpose(1, 2).contiguous())
    assert turned == pytest.approx(ceiling_psnr(raw, srgb), rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("method", GLOBAL_MAPPINGS)
def test_no_global_mapping_beats_it_on_any_sample_image(method):
    catalogue = load_plugins()
    dataset = open_dataset(dataset_spec("sample", catalogue), catalogue)
    codec = catalogue.methods.load(method)
    richest = codec.rate_points(codec.Options())[-1]
    for id in dataset.ids():
        sample = dataset.load(id)
        psnr = psnr_of(mean_squared_error(sample.raw, decoded(codec, richest, sample)))
        assert psnr < ceiling_psnr(sample.raw, sample.srgb), id


@torch.inference_mode()
def decoded(codec: type[rawbench.Codec], point: rawbench.RatePoint, sample: rawbench.Sample) -> torch.Tensor:
    made = codec(codec.Options(), point)
    made.setup(rawbench.Context("cpu", 0))
    return made.decode(made.encode(sample.raw, sample.srgb), sample.srgb)
