"""Finding plugins: entry points of the group ``rawbench``, ``--plugin FILE.py`` and ``RAWBENCH_PLUGINS``.

Plugins are loaded one by one. One that fails is a warning that names it and its cause, and the rest works;
two that claim one name are an error.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pluggy

from rawbench import hookspecs
from rawbench.errors import PluginError
from rawbench.registry import Registry

GROUP = "rawbench"


@dataclass
class Catalogue:
    """Everything that plugins brought."""

    manager: pluggy.PluginManager
    methods: Registry = field(default_factory=lambda: Registry("method", "rawbench.codec:Codec"))
    datasets: Registry = field(default_factory=lambda: Registry("dataset", "rawbench.dataset:Dataset"))
    metrics: Registry = field(default_factory=lambda: Registry("metric", "rawbench.metric:Metric"))
    executors: Registry = field(default_factory=lambda: Registry("executor", "rawbench.executor:Executor"))
    trainers: Registry = field(default_factory=lambda: Registry("trainer", None))
    report_sections: Registry = field(default_factory=lambda: Registry("report section", None))
    commands: Registry = field(default_factory=lambda: Registry("command", None))
    loaded: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    extra: tuple[str, ...] = ()


REGISTRIES = ("methods", "datasets", "metrics", "executors", "trainers", "report_sections", "commands")


def load_plugins(extra: Iterable[str] = ()) -> Catalogue:
    """Load every plugin that is installed or named.

    Args:
        extra: files ``plugin.py`` or module names, beside those in ``RAWBENCH_PLUGINS`` (separated by commas).

    Raises:
        PluginError: a name that two plugins claim, or a misspelt hook.
    """
    manager = pluggy.PluginManager("rawbench")
    manager.add_hookspecs(hookspecs)
    named = [name for name in os.environ.get("RAWBENCH_PLUGINS", "").split(",") if name.strip()]
    wanted = tuple(dict.fromkeys([*(name.strip() for name in named), *extra]))
    catalogue = Catalogue(manager, extra=wanted)
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        _load(catalogue, point.name, f"{point.value}", point.load)
    for name in wanted:
        _load(catalogue, name, name, partial(_import_named, name))
    return catalogue


def _load(catalogue: Catalogue, name: str, source: str, load: Callable[[], Any]) -> None:
    try:
        module = load()
    except (Exception, SystemExit) as error:
        catalogue.warnings.append(f"plugin {name!r} is left out: {_one_line(error)}")
        return
    try:
        catalogue.manager.register(module, name=name)
        catalogue.manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"plugin {name!r}: {error}") from error
    _refuse_misspelt_hooks(catalogue, module, name)
    catalogue.loaded[name] = source
    for kind in REGISTRIES:
        _register(catalogue, module, name, kind)


def _register(catalogue: Catalogue, module: Any, plugin: str, kind: str) -> None:
    hook = getattr(module, f"register_{kind}", None)
    if hook is None or not hasattr(hook, "rawbench_impl"):
        return
    registry: Registry = getattr(catalogue, kind)

    def register(name: str, target: Any, summary: str = "") -> None:
        registry.add(name, target, summary, plugin)

    try:
        hook(register)
    except PluginError:
        raise
    except Exception as error:
        catalogue.warnings.append(f"plugin {plugin!r}: register_{kind} failed: {_one_line(error)}")


def _refuse_misspelt_hooks(catalogue: Catalogue, module: Any, name: str) -> None:
    """pluggy overlooks marked functions whose hook does not exist only until they are checked; say it clearly."""
    for attribute in dir(module):
        function = getattr(module, attribute, None)
        if getattr(function, "rawbench_impl", None) and not hasattr(hookspecs, attribute):
            raise PluginError(f"plugin {name!r}: there is no hook {attribute!r}")


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _import_named(name: str) -> Any:
    if not name.endswith(".py"):
        return importlib.import_module(name)
    path = Path(name)
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {name}")
    # Files of one base name are modules of their own, or the second would be taken for the first.
    place = hashlib.sha256(str(path.resolve()).encode(errors="surrogateescape")).hexdigest()[:8]
    # A dot would make it a part of a package that is not there.
    module_name = f"rawbench_plugin_{path.stem.replace('.', '_')}_{place}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module
