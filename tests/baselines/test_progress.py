from __future__ import annotations

import pytest
from rawbench_parametric.lut import Lut
from rawbench_parametric.poly import Poly
from rawbench_parametric.unprocess import Unprocess
from rawbench_sampling.inf import Inf
from rawbench_sampling.sam import Sam
from rawbench_sampling.uniform import Uniform

import rawbench


@pytest.mark.parametrize("cls", [Inf, Lut, Poly, Sam, Uniform, Unprocess])
def test_a_decoder_says_how_far_it_is(cls, scenes):
    raw, srgb = scenes["medium"]
    options, told = cls.Options(), []
    point = cls.rate_points(options)[-1]
    for step in ("encode", "decode"):
        codec = cls(options, point)
        codec.setup(rawbench.Context(advance=lambda done, total: told.append(done / total)))
        if step == "encode":
            payload = codec.encode(raw, srgb)
            told.clear()
        else:
            codec.decode(payload, srgb)
    assert told and told == sorted(told) and told[0] >= 0 and told[-1] < 1
