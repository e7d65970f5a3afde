"""Names to classes, without importing a class before somebody asks for it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rawbench.errors import PluginError, UsageError, suggest
from rawbench.stream import codec_id


@dataclass(frozen=True)
class Entry:
    """One registered name: the class or its address, and the plugin that brought it."""

    name: str
    target: Any
    summary: str
    plugin: str

    def load(self, kind: str, base: type | None) -> Any:
        """The class itself.

        Raises:
            PluginError: it cannot be imported, or is no subclass of the interface.
        """
        target = self.target
        if isinstance(target, str):
            module, _, attribute = target.partition(":")
            try:
                target = getattr(importlib.import_module(module), attribute)
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                raise PluginError(
                    f"{kind} {self.name!r} of plugin {self.plugin!r}: cannot load {self.target}: {reason}"
                ) from error
        if base is not None and not (isinstance(target, type) and issubclass(target, base)):
            raise PluginError(
                f"{kind} {self.name!r} of plugin {self.plugin!r}: {target!r} is no rawbench.{base.__name__}"
            )
        return target


class Registry:
    """All names of one kind: methods, datasets, metrics, executors, trainers."""

    def __init__(self, kind: str, base_address: str | None) -> None:
        self.kind = kind
        self._base_address = base_address
        self._entries: dict[str, Entry] = {}

    def add(self, name: str, target: Any, summary: str, plugin: str) -> None:
        """Register a name.

        Raises:
            PluginError: the name, or for methods the 16-bit codec id, is taken; both plugins are named.
        """
        if not name or any(c in name for c in ":, =/\\") or name == "all":
            raise PluginError(f"plugin {plugin!r}: {name!r} is no valid {self.kind} name")
        for other in self._entries.values():
            if other.name == name:
                raise PluginError(f"{self.kind} {name!r} comes from two plugins: {other.plugin!r} and {plugin!r}")
            if self.kind == "method" and codec_id(other.name) == codec_id(name):
                raise PluginError(
                    f"methods {other.name!r} (plugin {other.plugin!r}) and {name!r} (plugin {plugin!r}) "
                    "have the same 16-bit codec id: rename one"
                )
        self._entries[name] = Entry(name, target, summary, plugin)

    def names(self) -> list[str]:
        return sorted(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries[name] for name in self.names())

    def entry(self, name: str) -> Entry:
        """Look a name up.

        Raises:
            UsageError: unknown; the line lists near matches and what exists.
        """
        if name not in self._entries:
            raise UsageError(f"no {self.kind} {name!r}{suggest(name, self._entries)}")
        return self._entries[name]

    def load(self, name: str) -> Any:
        """The class of a name; see ``entry`` and ``Entry.load`` for what is raised."""
        base = None
        if self._base_address:
            module, _, attribute = self._base_address.partition(":")
            base = getattr(importlib.import_module(module), attribute)
        loaded = self.entry(name).load(self.kind, base)
        if base is not None and getattr(loaded, "name", name) != name:
            raise PluginError(f"{self.kind} {name!r}: its class calls itself {loaded.name!r}")
        return loaded

    def by_codec_id(self, number: int) -> str | None:
        """The method whose streams carry this id, or None."""
        return next((name for name in self._entries if codec_id(name) == number), None)
