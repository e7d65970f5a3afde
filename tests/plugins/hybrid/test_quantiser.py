from __future__ import annotations

import numpy as np
from rawbench_hybrid import quantiser
from rawbench_hybrid.wavelet import Bands, forward


def test_steps_rise_by_a_sixteenth_of_an_octave():
    steps = [quantiser.step_of(index) for index in range(quantiser.STEPS)]
    ratios = np.array(steps[65:]) / np.array(steps[64:-1])
    assert steps[0] == 16 and steps[16] == 32 and np.all(np.diff(steps) >= 0)
    assert np.abs(np.log2(ratios) * 16 - 1).max() < 0.2


def test_there_and_back_within_half_a_step():
    bands = forward(np.random.default_rng(0).normal(0, 900, (60, 70)).astype(np.float32), 3)
    step = quantiser.step_of(70)
    real = quantiser.in_steps(bands, step)
    whole = Bands(
        np.rint(real.low).astype(np.int32), [tuple(np.rint(d).astype(np.int32) for d in t) for t in real.details]
    )
    back = quantiser.from_steps(whole, step, (0, 0))
    assert np.abs(back.low - bands.low).max() <= step / 16 * 0.51
    sums = quantiser.bias_sums([real], [whole])
    assert sums[:, 1].sum() == sum(np.count_nonzero(b) for b in [whole.low, *(d for t in whole.details for d in t)])


def test_bias_is_how_far_magnitudes_lie_below():
    whole = np.array([[1, -1, 3, -5]], np.int32)
    real = np.array([[0.75, -0.75, 3.125, -5.125]], np.float32)
    sums = quantiser.bias_sums([Bands(real, [])], [Bands(whole, [])])
    one, more = quantiser.best_bias(sums)
    assert one == 7 and more == -4  # a quarter is cut to what four bits hold
    back = quantiser.from_steps(Bands(whole, []), 16, (one, more))
    assert np.abs(back.low * quantiser._LOW_NORM - real).max() < 0.05
