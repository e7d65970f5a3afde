"""Where methods come from: what they say of their paper, with links, and the plugin that brought them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, entry_points, metadata

from rawbench.errors import RawbenchError
from rawbench.plugins import GROUP, Catalogue
from rawbench.results.run import Run

_ADDRESS = re.compile(r"(?P<url>https?://[^\s<>\"']*[^\s<>\"'.,;:)])|arXiv[ :](?P<arxiv>\d{4}\.\d{4,5})|"
                      r"\bdoi[ :]*(?P<doi>10\.\d{4,9}/[^\s<>\"']*[^\s<>\"'.,;:)])", re.IGNORECASE)  # fmt: skip

Part = tuple[str, str]
"""A piece of a text, and the address that it leads to; "" where it leads nowhere."""


@dataclass(frozen=True)
class Origin:
    """Where a method comes from.

    Attributes:
        paper: what it cites, in pieces.
        plugin: what brought it: its package with its version, or its file.
        homepage: of that package; "" where it names none.
    """

    paper: tuple[Part, ...]
    plugin: str
    homepage: str


def linked(text: str) -> tuple[Part, ...]:
    """A text in pieces; addresses, arXiv numbers and DOIs lead to what they name.

    Example:
        >>> linked("Some Paper, arXiv 2302.12995.")
        (('Some Paper, ', ''), ('arXiv 2302.12995', 'https://arxiv.org/abs/2302.12995'), ('.', ''))
    """
    parts, end = [], 0
    for found in _ADDRESS.finditer(text):
        address = found["url"] or (found["arxiv"] and f"https://arxiv.org/abs/{found['arxiv']}")
        parts += [(text[end : found.start()], ""), (found[0], address or f"https://doi.org/{found['doi']}")]
        end = found.end()
    return tuple(part for part in (*parts, (text[end:], "")) if part[0])


def origins_of(run: Run, catalogue: Catalogue) -> dict[str, Origin]:
    """Where the methods of a run come from, by label; of those that are installed here."""
    packages = {point.name: point.dist.name for point in entry_points(group=GROUP) if point.dist is not None}
    plugins = {entry.name: entry.plugin for entry in catalogue.methods}
    found = {}
    for label, method in run.methods.items():
        if method.name not in plugins:
            continue
        try:
            paper = catalogue.methods.load(method.name).paper
        except RawbenchError:  # a broken plugin has no more to say
            paper = None
        plugin = plugins[method.name]
        found[label] = Origin(linked(paper.citation) if paper else (), *_package(packages.get(plugin), plugin))
    return found


def _package(name: str | None, plugin: str) -> tuple[str, str]:
    """Name and homepage of the package that a plugin is of."""
    if name is None:
        return plugin, ""
    try:
        facts = metadata(name)
    except PackageNotFoundError:
        return name, ""
    addresses = [line.partition(",")[2].strip() for line in facts.get_all("Project-URL") or ()]
    homepage = next((a for a in (facts["Home-page"], *addresses) if a and re.match(r"https?://", a)), "")
    return f"{name} {facts['Version']}", homepage
