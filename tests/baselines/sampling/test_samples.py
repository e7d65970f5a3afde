from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rawbench_sampling import samples as coding

from rawbench import StreamError
from rawbench.blocks.polynomial import Polynomial, identity_prior

IDENTITY = Polynomial("bt709-floor", 1, identity_prior(1).T)


def pair(seed: int, count: int, noise: float) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    codes = torch.from_numpy(rng.integers(0, 256, (3, count), dtype=np.uint8))
    values = IDENTITY(codes) * 65535 + torch.from_numpy(rng.normal(0, noise, (3, count)))
    return torch.round(values).clamp(0, 65535).long(), codes


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.sampled_from([0.0, 3.0, 300.0, 30000.0, 1e7]))
def test_samples_come_back(seed, count, noise):
    values, codes = pair(seed, count, noise)
    payload = coding.encode_samples(values, codes, IDENTITY)
    assert torch.equal(coding.decode_samples(payload, codes, IDENTITY), values)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.sampled_from([0.0, 3.0, 300.0, 30000.0, 1e7]))
def test_samples_come_back_with_16_bits_of_srgb(seed, count, noise):
    rng = np.random.default_rng(seed)
    codes = torch.from_numpy(rng.integers(0, 65536, (3, count), dtype=np.uint16))
    errors = torch.from_numpy(rng.normal(0, noise, (3, count)))
    values = torch.round(IDENTITY(codes) * 65535 + errors).clamp(0, 65535).long()
    payload = coding.encode_samples(values, codes, IDENTITY)
    assert torch.equal(coding.decode_samples(payload, codes, IDENTITY), values)


def test_sixteen_bits_pay_where_the_prediction_is_good():
    rng = np.random.default_rng(8)
    codes = torch.from_numpy(rng.integers(0, 65280, (3, 4000), dtype=np.uint16))
    values = torch.round(IDENTITY(codes) * 65535 + torch.from_numpy(rng.normal(0, 3.0, (3, 4000)))).clamp(0).long()
    upper = torch.from_numpy((codes.numpy() >> 8).astype(np.uint8))
    plain, deep = (len(coding.encode_samples(values, c, IDENTITY)) for c in (upper, codes))
    assert deep < 0.6 * plain


def test_unlikely_samples_come_back():
    values = torch.tensor([[0, 65535, 0], [65535, 0, 65535], [0, 65535, 1]])
    codes = torch.tensor([[255, 0, 255], [0, 255, 0], [255, 0, 128]], dtype=torch.uint8)
    payload = coding.encode_samples(values, codes, IDENTITY)
    assert torch.equal(coding.decode_samples(payload, codes, IDENTITY), values)


def test_the_srgb_pays():
    rng = np.random.default_rng(8)
    light = rng.uniform(0.0, 0.99, (3, 4000))
    codes = torch.from_numpy(
        np.floor(256 * np.where(light < 0.018, 4.5 * light, 1.099 * light**0.45 - 0.099)).astype(np.uint8)
    )
    values = torch.from_numpy(np.rint(light * 65535).astype(np.int64))
    bits = 8 * len(coding.encode_samples(values, codes, IDENTITY)) / 4000
    table = np.diff(coding.linear_table("bt709-floor"))
    ideal = float(np.log2(65535 * table[np.minimum(codes.numpy(), 254)]).sum(0).mean())
    assert ideal < bits < ideal + 1.2


@given(st.binary(max_size=200))
def test_any_bytes_are_samples_or_a_stream_error(payload):
    codes = torch.arange(60, dtype=torch.uint8).reshape(3, 20)
    try:
        values = coding.decode_samples(payload, codes, IDENTITY)
    except StreamError:
        return
    assert values.shape == (3, 20) and int(values.min()) >= 0 and int(values.max()) <= 65535


def test_too_long_payloads_are_refused():
    codes = torch.arange(60, dtype=torch.uint8).reshape(3, 20)
    with pytest.raises(StreamError, match="more than"):
        coding.decode_samples(bytes(6) + b"\x01" * 10000, codes, IDENTITY)
