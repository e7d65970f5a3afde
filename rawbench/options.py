"""Options of methods and datasets: typed models that refuse unknown names, and the ``NAME:a=1:b=2`` form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from rawbench.errors import UsageError, first_message, suggest

Model = TypeVar("Model", bound="Options")


class Options(BaseModel):
    """Base of every options model: frozen, and unknown names are an error.

    Example:
        >>> class Mine(Options):
        ...     step: int = 4
        ...
        >>> Mine(step=8).step
        8
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


def parse_spec(text: str) -> tuple[str, dict[str, str]]:
    r"""Split ``NAME:option=value:option=value`` into the name and its options.

    A backslash before a colon or a comma makes it part of the value.

    >>> parse_spec(r"folder:root=/photos/12\:30")
    ('folder', {'root': '/photos/12:30'})

    Raises:
        UsageError: an option without ``=`` or an empty name.

    Example:
        >>> parse_spec("uniform:step=4")
        ('uniform', {'step': '4'})
    """
    name, *parts = split_unescaped(text.strip(), ":")
    if not name:
        raise UsageError(f"{text!r}: the name is empty; the form is NAME:option=value")
    options: dict[str, str] = {}
    for part in parts:
        key, separator, value = part.partition("=")
        if not separator or not key:
            hint = "; a colon inside of a value is written \\:" if options else ""
            raise UsageError(f"{text!r}: {part!r} is not of the form option=value{hint}")
        if key in options:
            raise UsageError(f"{text!r}: option {key!r} is given twice")
        options[key] = value.replace("\\,", ",")
    return name, options


def split_unescaped(text: str, separator: str) -> list[str]:
    r"""The parts between separators; one behind a backslash is none, and the backslash goes.

    >>> split_unescaped(r"a,b\,c", ",")
    ['a', 'b,c']
    """
    parts = re.split(rf"(?<!\\){re.escape(separator)}", text)
    return [part.replace(f"\\{separator}", separator) for part in parts]


def build_options(model: type[Options], values: dict[str, Any], owner: str) -> Options:
    """Validate option values, given as text or plain values, against a model.

    Raises:
        UsageError: names the owner, the option and what is wrong, in one line.

    Example:
        >>> class Mine(Options):
        ...     step: int = 4
        ...
        >>> build_options(Mine, {"step": "8"}, "method mine")
        Mine(step=8)
    """
    for key in values:
        if key not in model.model_fields:
            raise UsageError(f"{owner}: no option {key!r}{suggest(key, model.model_fields)}")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "options"
        raise UsageError(f"{owner}: option {where}: {first_message(error)} (given: {first['input']!r})") from None


def validated(model: type[Model], values: Mapping[str, Any]) -> Model:
    """The options of values that ``build_options`` has accepted before, as plain JSON values: in another process, say.

    Raises:
        ValueError: they were not accepted, or the model has changed since.

    Example:
        >>> validated(Options, {}) == Options()
        True
    """
    return model.model_validate(dict(values))
