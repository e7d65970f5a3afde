"""Where methods come from: papers and plugins with the addresses that lead to them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rawbench.plugins import load_plugins
from rawbench.report.origins import linked, origins_of
from rawbench.results.facts import MethodFacts


@pytest.mark.parametrize(
    ("text", "piece", "address"),
    [
        ("Wang et al., CVPR 2023, arXiv 2302.12995; more", "arXiv 2302.12995", "https://arxiv.org/abs/2302.12995"),
        ("arXiv:2302.12995v2", "arXiv:2302.12995", "https://arxiv.org/abs/2302.12995"),
        ("see doi:10.1109/TIP.2003.819861.", "doi:10.1109/TIP.2003.819861", "https://doi.org/10.1109/TIP.2003.819861"),
        ("code (https://example.org/a_b).", "https://example.org/a_b", "https://example.org/a_b"),
    ],
)
def test_what_leads_somewhere(text, piece, address):
    parts = linked(text)
    assert "".join(part for part, _ in parts) == text
    assert [part for part in parts if part[1]] == [(piece, address)]


@pytest.mark.parametrize("text", ["", "javascript:alert(1)", "CVPR 2023", 'https://"onclick=x'])
def test_what_leads_nowhere(text):
    assert all(not address for _, address in linked(text))


def test_a_method_names_its_package_and_a_file_itself(made, tiny_plugin):
    methods = {name: MethodFacts(name, name, code_digest="c") for name in ("poly", "mean", "gone")}
    found = origins_of(replace(made, methods=methods), load_plugins([tiny_plugin]))
    assert found.keys() == {"poly", "mean"}
    assert found["poly"].plugin.startswith("rawbench 0.") and "Color Research" in found["poly"].paper[0][0]
    assert found["mean"].plugin == tiny_plugin and found["mean"].homepage == ""
