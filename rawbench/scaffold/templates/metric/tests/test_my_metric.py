"""The metric keeps rawbench's contract, and has the values that its definition says."""

import pytest
import torch

from my_metric.metric import MyMetric
from rawbench.testing import check_metric


def test_the_contract():
    assert [result for result in check_metric("my-metric") if result.status != "pass"] == []


def test_a_value_by_hand():
    reference = torch.zeros(3, 4, 5)
    decoded = reference.clone()
    decoded[1, 2, 3] = 0.25
    assert MyMetric().compute(reference, decoded, None) == pytest.approx(0.25)
