"""``methods|datasets|metrics|executors list|show``, ``plugins`` and ``env``."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize("kind", ["methods", "datasets", "metrics", "executors"])
def test_list_names_everything_in_text_and_json(call, kind):
    listed = json.loads(call(kind, "list", "--json").out)
    text = call(kind, "list").out
    assert len(text.splitlines()) == len(listed)
    assert all(entry["name"] in text and entry["summary"] in text for entry in listed)


def test_methods_show(call):
    shown = json.loads(call("methods", "show", "mean", "--json").out)
    assert shown["rate_points"] == ["bytes=1", "bytes=2"]
    assert shown["options"]["gain"] == "float, default 1.0. times the mean"
    assert "gain: float, default 1.0. times the mean" in call("methods", "show", "mean").out


def test_metrics_show_knows_the_rates_too(call):
    assert "8 x file bytes / (H x W)" in call("metrics", "show", "bpp").out
    assert json.loads(call("metrics", "show", "psnr", "--json").out)["unit"] == "dB"


def test_an_unknown_name(call):
    ended = call("methods", "show", "men")
    assert ended.code == 2 and "no method 'men'; did you mean mean" in ended.err


def test_plugins_tell_what_they_bring(call):
    found = json.loads(call("plugins", "--json").out)
    tiny = next(value for name, value in found["plugins"].items() if name.endswith("tiny_plugin.py"))
    assert tiny["methods"] == ["deep", "failing", "mean"] and tiny["datasets"] == ["tiny"]


def test_env_has_versions_and_hardware(call):
    found = json.loads(call("env", "--json").out)
    assert found["libraries"]["torch"] and found["cores"] >= 1 and found["threads"] >= 1
