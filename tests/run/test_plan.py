"""Keys: what is in them, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawbench.keys import digest_json
from rawbench.plugins import load_plugins
from rawbench.run.config import make_config
from rawbench.run.plan import make_plan, metric_key


@pytest.fixture(scope="module")
def catalogue():
    from pathlib import Path

    return load_plugins([str(Path(__file__).parents[1] / "tiny_plugin.py")])


def keys(catalogue, **settings) -> dict[str, str]:
    given = {"methods": ("mean",), "dataset": ("tiny",), "metrics": ("psnr",), **settings}
    plan = make_plan(make_config(given, "test"), catalogue, settings.get("device", "cpu"))
    return {cell.title: cell.key for cell in plan.cells}


@pytest.mark.parametrize(
    "same",
    [
        {"methods": ("failing", "mean")},
        {"jobs": 2},
        {"executor": "process"},
        {"out": "elsewhere"},
        {"limit": 2},
        {"metrics": ("mae",)},
        {"methods": ("mean:gain=1.0",)},
        {"timeout_seconds": 5.0},
    ],
    ids=str,
)
def test_what_is_not_in_a_key(catalogue, same):
    before, after = keys(catalogue), keys(catalogue, **same)
    common = before.keys() & after.keys()
    assert common and all(before[title] == after[title] for title in common)


@pytest.mark.parametrize("other", [{"methods": ("mean:gain=2",)}, {"seed": 1}, {"device": "cuda"}], ids=str)
def test_what_is_in_a_key(catalogue, other):
    assert not set(keys(catalogue).values()) & set(keys(catalogue, **other).values())


def test_cells_are_distinct_and_image_by_image(catalogue):
    plan = make_plan(make_config({"methods": ("mean", "failing"), "dataset": "tiny"}, "test"), catalogue, "cpu")
    assert len({cell.key for cell in plan.cells}) == len(plan.cells) == 16
    images = [cell.image.id for cell in plan.cells]
    assert images == sorted(images)


def test_all_methods_and_one_more(catalogue):
    config = make_config({"methods": ("all", "mean:gain=2"), "dataset": "tiny", "limit": 1}, "test")
    labels = {cell.method.label for cell in make_plan(config, catalogue, "cpu").cells}
    assert labels == {*catalogue.methods.names(), "mean:gain=2.0"} - {"external"}  # which says nothing without a file


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values))
def test_digests_do_not_depend_on_order(values):
    assert digest_json(values) == digest_json(dict(reversed(list(values.items()))))


@given(st.text(), st.text(), st.integers(1, 9), st.integers(1, 9))
def test_metric_keys_tell_names_and_versions_apart(one, other, first, second):
    same = (one, first) == (other, second)
    assert (metric_key("c", "d", one, first) == metric_key("c", "d", other, second)) == same
    assert metric_key("c", "d", one, first) != metric_key("e", "d", one, first)
