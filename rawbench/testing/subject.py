"""How the method under test is named, so that another process finds the same class and options."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rawbench.errors import UsageError
from rawbench.options import build_options, parse_spec
from rawbench.plugins import Catalogue, load_plugins


@dataclass(frozen=True)
class Subject:
    """The address of a method; plain values, sent to the processes as JSON.

    Attributes:
        title: what results call it.
        name: a registered name, or "" for a class that is given itself.
        options: option values.
        plugins: what to load beside the installed plugins.
        module: where a class that is given itself is defined.
        qualname: its name there.
        file: the file of that module, for modules that cannot be imported by name.
        folder: relative paths among the options start here.
    """

    title: str
    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()
    module: str = ""
    qualname: str = ""
    file: str = ""
    folder: str = ""


def subject_of(method: str | type, catalogue: Catalogue | None = None) -> Subject:
    """The address of ``NAME:option=value`` or of a Codec subclass.

    Args:
        method: a registered method with options, or a class at the top level of a module or of another class.
        catalogue: the plugins; None loads them.

    Raises:
        UsageError: no such method, or a class that another process cannot find.
    """
    folder = str(Path.cwd())
    if isinstance(method, str):
        name, options = parse_spec(method)
        catalogue = catalogue or load_plugins()
        catalogue.methods.entry(name)
        plugins = tuple(str(Path(p).resolve()) if p.endswith(".py") else p for p in catalogue.extra)
        return Subject(method, name, options, plugins, folder=folder)
    if "<locals>" in method.__qualname__:
        raise UsageError(
            f"{method.__qualname__}: a class inside a function cannot be found by the process that decodes; "
            "define it at the top of a module"
        )
    try:
        file = str(Path(inspect.getfile(method)).resolve())
    except (OSError, TypeError):
        file = ""
    return Subject(
        method.__qualname__, module=method.__module__, qualname=method.__qualname__, file=file, folder=folder
    )


def find_codec(subject: Subject) -> tuple[Any, Any]:
    """The class and its options; called in the process that uses them."""
    if subject.name:
        codec = load_plugins(subject.plugins).methods.load(subject.name)
    else:
        codec = _import_module(subject)
        for part in subject.qualname.split("."):
            codec = getattr(codec, part)
    values = dict(subject.options)
    for key in codec.resource_options:
        if isinstance(values.get(key), str) and (Path(subject.folder) / values[key]).exists():
            values[key] = str((Path(subject.folder) / values[key]).resolve())
    return codec, build_options(codec.Options, values, subject.title)


def _import_module(subject: Subject) -> Any:
    if subject.module != "__main__":
        try:
            return importlib.import_module(subject.module)
        except ModuleNotFoundError as error:
            if not subject.file or error.name is None or not subject.module.startswith(error.name):
                raise
    name = f"rawbench_subject_{Path(subject.file).stem}"
    spec = importlib.util.spec_from_file_location(name, subject.file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
