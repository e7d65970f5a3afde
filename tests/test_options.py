"""Options: the text form, validation in one line, JSON and back."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from rawbench.errors import UsageError, suggest
from rawbench.options import Options, build_options, parse_spec, split_unescaped


class Sampling(Options):
    step: int = Field(default=8, ge=1)
    kernel: Literal["linear", "cubic"] = "linear"
    weights: str | None = None


words = st.text(st.characters(whitelist_categories=["Ll", "Nd"]), min_size=1, max_size=8)


@given(words, st.dictionaries(words, words, max_size=4))
def test_a_spec_is_its_name_and_options(name: str, options: dict[str, str]) -> None:
    text = ":".join([name, *(f"{key}={value}" for key, value in options.items())])
    assert parse_spec(text) == (name, options)


def test_values_may_hold_equals_signs_and_be_empty() -> None:
    assert parse_spec(" mine:weights=a=b:kernel= ") == ("mine", {"weights": "a=b", "kernel": ""})


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(words, st.text(",:= ab"), max_size=3))
def test_escaped_separators_are_part_of_a_value(options: dict[str, str]) -> None:
    escaped = {key: value.replace(":", r"\:").replace(",", r"\,") for key, value in options.items()}
    text = ":".join(["mine", *(f"{key}={value}" for key, value in escaped.items())])
    wanted = {key: value for key, value in options.items()}
    assert split_unescaped(f"{text},other", ",")[-1] == "other"
    found = parse_spec(split_unescaped(f"{text},other", ",")[0])[1]
    assert {key: value.strip() for key, value in found.items()} == {k: v.strip() for k, v in wanted.items()}


def test_what_is_written_without_an_escape_is_told_how() -> None:
    with pytest.raises(UsageError, match=r"'30' is not of the form option=value; a colon .* is written \\:"):
        parse_spec("folder:root=/photos/12:30")
    assert parse_spec(r"folder:root=C\:\photos")[1] == {"root": r"C:\photos"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the name is empty"),
        (":step=8", "the name is empty"),
        ("mine:step", "'step' is not of the form option=value"),
        ("mine:=8", "'=8' is not of the form option=value"),
        ("mine:", "'' is not of the form option=value"),
        ("mine:step=8:step=4", "option 'step' is given twice"),
    ],
)
def test_a_spec_of_another_form_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_spec(text)
    assert sentence in str(caught.value)


def test_text_becomes_typed_values() -> None:
    assert build_options(Sampling, {"step": "16", "kernel": "cubic"}, "mine") == Sampling(step=16, kernel="cubic")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"stpe": "8"}, "mine: no option 'stpe'; did you mean step? (known: kernel, step, weights)"),
        ({"step": "eight"}, "mine: option step: Input should be a valid integer"),
        ({"step": "0"}, "mine: option step: Input should be greater than or equal to 1 (given: '0')"),
        ({"kernel": "sinc"}, "mine: option kernel: Input should be 'linear' or 'cubic' (given: 'sinc')"),
    ],
)
def test_what_is_wrong_with_an_option_is_one_line(values: dict[str, str], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_options(Sampling, values, "mine")
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_options_are_frozen_and_refuse_unknown_names() -> None:
    with pytest.raises(ValidationError):
        Sampling(stpe=8)  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        Sampling().step = 4  # type: ignore[misc]


@given(st.integers(1, 10**6), st.sampled_from(["linear", "cubic"]), st.none() | st.text())
def test_options_survive_json(step: int, kernel: Literal["linear", "cubic"], weights: str | None) -> None:
    options = Sampling(step=step, kernel=kernel, weights=weights)
    assert Sampling.model_validate_json(options.model_dump_json()) == options


def test_suggestions_list_near_matches_then_everything() -> None:
    assert suggest("unifrom", ["uniform", "poly"]) == "; did you mean uniform? (known: poly, uniform)"
    assert suggest("x", []) == " (known: none)"
