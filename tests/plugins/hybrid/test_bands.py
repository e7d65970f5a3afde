from __future__ import annotations

import numpy as np
import pytest
from rawbench_hybrid import quantiser
from rawbench_hybrid.bands import BandCoder, Choice, code_bands
from rawbench_hybrid.features import make_features
from rawbench_hybrid.model import unlearned
from rawbench_hybrid.range_coding import COUNT, READ, WRITE
from rawbench_hybrid.tiles import analyse
from rawbench_hybrid.wavelet import level_count

AXES = np.eye(3)


def material(height, width, spread=300.0):
    random = np.random.default_rng(height * width)
    prediction = random.integers(0, 65536, (height, width, 3)).astype(np.int32)
    error = np.rint(random.normal(0, spread, (height, width, 3))).astype(np.int32)
    clipped = prediction[..., 1] > 60000
    levels = level_count(height, width)
    return analyse(error, AXES), make_features(prediction, clipped, (AXES * 256).astype(np.int32), levels)


def same(first, second):
    pairs = [(a.low, b.low) for a, b in zip(first, second, strict=True)]
    for a, b in zip(first, second, strict=True):
        pairs += [p for x, y in zip(a.details, b.details, strict=True) for p in zip(x, y, strict=True)]
    return all(np.array_equal(x, y) for x, y in pairs)


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (17, 33), (64, 80)])
@pytest.mark.parametrize("index", [10, 130, 239])
def test_what_is_written_is_read(shape, index):
    bands, features = material(*shape)
    step = quantiser.step_of(index)
    writer = BandCoder(unlearned(), WRITE)
    coded = code_bands(writer, features, step, real=[quantiser.in_steps(b, step) for b in bands])
    payload = writer.finish()
    assert abs(writer.bits / 8 - len(payload)) < 8 + 0.01 * len(payload)
    reader = BandCoder(unlearned(), READ, payload)
    assert same(code_bands(reader, features, step), coded)
    assert reader.read_bytes >= len(payload)
    # Given symbols cost the same, and counting writes nothing.
    again = BandCoder(unlearned(), COUNT)
    assert same(code_bands(again, features, step, given=coded), coded)
    assert abs(again.bits - writer.bits) < 1e-6 and not again.finish()


def test_a_dearer_bit_buys_fewer_and_a_second_tile_less_dear_ones():
    bands, features = material(64, 80)
    step = quantiser.step_of(120)
    real = [quantiser.in_steps(b, step) for b in bands]
    sizes = []
    for price in (0.05, 0.2):
        coder = BandCoder(unlearned(), WRITE)
        code_bands(coder, features, step, real=real, choice=Choice(price))
        first = coder.bits
        code_bands(coder, features, step, real=real, choice=Choice(price))
        assert coder.bits < 2 * first
        sizes.append(first)
    assert sizes[1] < sizes[0]


def test_largest_coefficients_survive():
    bands, features = material(40, 40, spread=30000.0)
    step = quantiser.step_of(0)
    writer = BandCoder(unlearned(), WRITE)
    coded = code_bands(writer, features, step, real=[quantiser.in_steps(b, step) for b in bands])
    assert same(code_bands(BandCoder(unlearned(), READ, writer.finish()), features, step), coded)
