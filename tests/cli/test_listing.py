"""``methods|datasets|metrics|executors list|show``, ``plugins`` and ``env``."""

from __future__ import annotations

import json
import re

import pytest

METHODS = ("cam", "inf", "invisp", "learned", "lut", "poly", "rawjxl", "residual", "sam", "uniform", "unprocess")


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


@pytest.mark.parametrize("name", METHODS)
def test_a_method_says_where_it_comes_from(call, name):
    shown = json.loads(call("methods", "show", name, "--json").out)
    paper = shown["paper"]
    text = call("methods", "show", name).out
    assert all(f"{part}: {said or 'none'}" in text for part, said in paper.items())
    assert paper["ours"] and re.search(r"\b(19|20)\d\d\b|No published method|No method", paper["citation"])
    assert re.match("No code|Licence|The licence|The authors' code", paper["licence"]), "the licence of the idea's code"
    options = shown["options"]
    assert all(re.search(r", (default .*|required)\. \w", text) for text in options.values()), "each has its meaning"


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("arguments", [("methods", "list"), ("methods", "show", "cam"), ("datasets", "show", "nus")])
def test_in_a_terminal_no_line_is_wider_than_it(call, monkeypatch, columns, arguments):
    plain = call(*arguments).out
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = call(*arguments).out
    assert max(len(line) for line in shown.splitlines()) <= columns < max(len(line) for line in plain.splitlines())
    assert shown.split() == plain.split()


def test_options_are_shown_as_they_are_written(call):
    shown = call("methods", "show", "invisp").out
    assert "rendition: dataset|own, default dataset. " in shown and "weights: file, default none. " in shown
    assert "skip: true|false, default true. " in call("methods", "show", "inf").out


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
