"""The method keeps rawbench's contract, and its options do what they say."""

from rawbench.testing import CodecConformance


class TestMyMethod(CodecConformance):
    method = "my-method"


class TestWithOptions(CodecConformance):
    method = "my-method:brightest=200"
    only = ("shape", "dtype", "finite", "fresh_process")
