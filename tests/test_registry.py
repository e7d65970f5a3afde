"""Names to classes: lazily, without doubles, and with an answer to every slip."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rawbench.codec import Codec
from rawbench.errors import PluginError, UsageError
from rawbench.registry import Registry
from rawbench.stream import codec_id


class Mine(Codec):
    name = "mine"

    @classmethod
    def rate_points(cls, options):
        return []

    def encode(self, raw, srgb):
        return b""

    def decode(self, payload, srgb):
        return srgb


@pytest.fixture
def methods() -> Registry:
    return Registry("method", "rawbench.codec:Codec")


def test_names_are_sorted_and_entries_know_their_plugin(methods: Registry) -> None:
    methods.add("second", Mine, "two", "plugin b")
    methods.add("first", Mine, "one", "plugin a")
    assert methods.names() == ["first", "second"]
    assert [(entry.summary, entry.plugin) for entry in methods] == [("one", "plugin a"), ("two", "plugin b")]


def test_two_plugins_with_one_name_are_both_named(methods: Registry) -> None:
    methods.add("mine", Mine, "", "plugin a")
    with pytest.raises(PluginError, match="method 'mine' comes from two plugins: 'plugin a' and 'plugin b'"):
        methods.add("mine", Mine, "", "plugin b")


def test_two_methods_with_one_codec_id_are_both_named(methods: Registry) -> None:
    seen: dict[int, str] = {}
    number = 0
    while (name := f"method{number}") and codec_id(name) not in seen:
        seen[codec_id(name)] = name
        number += 1
    first = seen[codec_id(name)]
    methods.add(first, Mine, "", "plugin a")
    with pytest.raises(PluginError, match=f"'{first}' .*'plugin a'.* '{name}' .*'plugin b'.*16-bit codec id"):
        methods.add(name, Mine, "", "plugin b")
    metrics = Registry("metric", None)
    metrics.add(first, Mine, "", "plugin a")
    metrics.add(name, Mine, "", "plugin b")


@pytest.mark.parametrize("name", ["", "a:b", "a,b", "a b", "a=b", "a/b", "a\\b", "all"])
def test_names_that_the_command_line_could_not_say_are_refused(methods: Registry, name: str) -> None:
    with pytest.raises(PluginError, match="is no valid method name"):
        methods.add(name, Mine, "", "plugin a")


def test_an_unknown_name_lists_near_ones_and_all(methods: Registry) -> None:
    methods.add("uniform", Mine, "", "plugin a")
    methods.add("poly", Mine, "", "plugin a")
    with pytest.raises(UsageError) as caught:
        methods.load("unifrom")
    assert str(caught.value) == "no method 'unifrom'; did you mean uniform? (known: poly, uniform)"


def test_an_address_is_imported_when_it_is_asked_for(
    methods: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lazy_method.py").write_text(
        "from rawbench import Codec\n"
        "class Lazy(Codec):\n    name = 'lazy'\n    encode = decode = None\n    rate_points = classmethod(list)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    methods.add("lazy", "lazy_method:Lazy", "", "plugin a")
    assert "lazy_method" not in sys.modules
    assert methods.load("lazy").name == "lazy"


@pytest.mark.parametrize(
    ("target", "cause"),
    [
        ("no.such.module:Codec", "cannot load no.such.module:Codec: ModuleNotFoundError: No module named 'no'"),
        ("rawbench.codec:Kodec", "cannot load rawbench.codec:Kodec: AttributeError"),
        ("rawbench.codec:Context", "is no rawbench.Codec"),
        ("rawbench.codec", "cannot load rawbench.codec"),
        (7, "7 is no rawbench.Codec"),
    ],
)
def test_what_cannot_be_loaded_names_method_plugin_and_cause(methods: Registry, target, cause: str) -> None:
    methods.add("mine", target, "", "plugin a")
    with pytest.raises(PluginError) as caught:
        methods.load("mine")
    assert str(caught.value).startswith("method 'mine' of plugin 'plugin a': ")
    assert cause in str(caught.value) and "\n" not in str(caught.value)


def test_a_class_must_go_by_the_name_of_its_entry(methods: Registry) -> None:
    methods.add("yours", Mine, "", "plugin a")
    with pytest.raises(PluginError, match="method 'yours': its class calls itself 'mine'"):
        methods.load("yours")


def test_codec_ids_lead_back_to_names(methods: Registry) -> None:
    methods.add("mine", Mine, "", "plugin a")
    assert methods.by_codec_id(codec_id("mine")) == "mine"
    assert methods.by_codec_id(codec_id("mine") ^ 1) is None
