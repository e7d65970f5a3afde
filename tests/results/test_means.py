from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawbench.results.means import (
    MACRO,
    Group,
    Row,
    average,
    curves,
    group_by_camera,
    image_curves,
    macro_average,
)
from rawbench.results.rd import Point

RULES = {"psnr_pooled": "mse"}


def row(camera="A", image="1", method="poly", order=0, status="ok", simulated=False, **values) -> Row:
    return Row("sample", camera, "png", method, f"p{order}", order, image, status, simulated, values)


def only(groups: list[Group]) -> Group:
    (group,) = groups
    return group


def test_mean_and_pooled_by_hand() -> None:
    rows = [row(image="1", psnr=20.0, psnr_pooled=20.0), row(image="2", psnr=40.0, psnr_pooled=40.0)]
    means = only(group_by_camera(rows, RULES)).means
    assert means["psnr"].value == 30.0
    assert means["psnr_pooled"].value == pytest.approx(-10 * math.log10((0.01 + 0.0001) / 2))
    assert means["psnr"].count == 2


def test_exact_images_are_counted() -> None:
    mixed, pooled = average([math.inf, 40.0]), average([math.inf, 40.0], "mse")
    assert mixed.value == math.inf and mixed.exact == 1 and mixed.count == 2
    assert pooled.value == pytest.approx(40 + 10 * math.log10(2)) and pooled.exact == 1
    assert average([math.inf, math.inf], "mse").value == math.inf


@given(st.lists(st.floats(10, 90), min_size=1, max_size=20))
def test_pooling_never_flatters(values) -> None:
    assert average(values, "mse").value <= average(values).value + 1e-9
    assert min(values) - 1e-9 <= average(values, "mse").value <= max(values) + 1e-9


def test_values_at_the_end_of_the_range_have_a_mean() -> None:
    assert average([1.7e308, 1.7e308]).value == pytest.approx(1.7e308)
    assert math.isnan(average([math.inf, -math.inf]).value) and average([math.inf, -math.inf]).exact == 1
    assert average([-1.7e308, 3.0], "mse").value == -math.inf
    assert average([math.inf, -math.inf], "mse").value == -math.inf


def test_undefined_values_are_counted_and_not_averaged() -> None:
    mean = average([None, math.nan, 3.0])
    assert (mean.value, mean.count, mean.undefined) == (3.0, 1, 2)
    assert math.isnan(average([None]).value) and math.isnan(average([]).value)


def test_failures_are_counted_by_status() -> None:
    rows = [row(image="1", psnr=40.0), row(image="2", status="error"), row(image="3", status="oom")]
    group = only(group_by_camera(rows, RULES))
    assert group.images == 3 and group.failed == 2 and group.failures == {"error": 1, "oom": 1}
    assert group.means["psnr"].count == 1


def test_values_of_a_failed_cell_are_not_used() -> None:
    rows = [row(image="1", psnr=40.0), row(image="2", status="mismatch", psnr=0.0)]
    assert only(group_by_camera(rows, RULES)).means["psnr"].value == 40.0


def test_a_metric_that_only_some_images_have_says_so() -> None:
    rows = [row(image="1", psnr=40.0, ssim=0.9), row(image="2", psnr=42.0)]
    ssim = only(group_by_camera(rows, RULES)).means["ssim"]
    assert (ssim.value, ssim.count, ssim.undefined) == (0.9, 1, 1)


def test_simulated_images_are_counted() -> None:
    group = only(group_by_camera([row(image="1", simulated=True), row(image="2")], RULES))
    assert group.simulated == 1 and group.images == 2


def test_cameras_weigh_the_same_in_the_macro_average() -> None:
    rows = [row("A", str(i), psnr=30.0) for i in range(9)] + [row("B", "x", psnr=50.0)]
    macro = only(macro_average(group_by_camera(rows, RULES), RULES))
    assert macro.camera == MACRO and macro.images == 10
    assert macro.means["psnr"].value == 40.0 and macro.means["psnr"].count == 2


def test_the_macro_average_pools_pooled_metrics() -> None:
    rows = [row("A", psnr_pooled=20.0), row("B", psnr_pooled=40.0)]
    macro = only(macro_average(group_by_camera(rows, RULES), RULES))
    assert macro.means["psnr_pooled"].value == pytest.approx(-10 * math.log10((0.01 + 0.0001) / 2))


def test_a_method_that_failed_on_a_camera_has_no_macro_average() -> None:
    rows = [row("A", psnr=40.0), row("B", status="error")]
    macro = only(macro_average(group_by_camera(rows, RULES), RULES))
    assert math.isnan(macro.means["psnr"].value) and macro.means["psnr"].count == 1
    assert macro.failures == {"error": 1}


def test_a_method_that_was_not_run_on_a_camera_has_no_macro_average() -> None:
    rows = [row("A", psnr=40.0), row("A", method="lut", psnr=50.0), row("B", psnr=42.0)]
    macro = {g.method: g.means["psnr"].value for g in macro_average(group_by_camera(rows, RULES), RULES)}
    assert macro["poly"] == 41.0 and math.isnan(macro["lut"])


def test_groups_come_in_order_of_rate_whatever_the_order_of_rows() -> None:
    rows = [row(image=str(i), order=order, bpp=0.1 * order) for order in range(12) for i in range(3)]
    shuffled = random.Random(0).sample(rows, len(rows))
    assert group_by_camera(shuffled, RULES) == group_by_camera(rows, RULES)
    assert [g.rate_order for g in group_by_camera(shuffled, RULES)] == list(range(12))


def test_curves_leave_out_rate_points_with_failures() -> None:
    rows = [
        row(image=str(i), order=order, bpp=0.1 * (order + 1), psnr=40.0 + order) for order in range(3) for i in range(2)
    ]
    rows.append(row(image="3", order=1, status="timeout"))
    found = curves(group_by_camera(rows, RULES), "psnr")
    assert found == {("sample", "A", "png", "poly"): [Point(0.1, 40.0), Point(pytest.approx(0.3), 42.0)]}


def test_curves_of_images() -> None:
    rows = [row(order=1, bpp=0.2, psnr=None), row(order=0, bpp=0.1, psnr=40.0), row(order=2, status="error")]
    first, second = image_curves(rows, "psnr")["sample", "1", "poly"]
    assert first == (0.1, 40.0)
    assert second.rate == 0.2 and math.isnan(second.quality)
