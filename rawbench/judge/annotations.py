"""Verdicts as GitHub annotations and JUnit XML."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from rawbench.judge.gate import Verdict


def github_annotations(verdicts: Iterable[Verdict], file: str) -> list[str]:
    """Workflow commands that GitHub shows at the reference's file: errors, and notices for what became better."""
    levels: dict[str, str] = {"failed": "error", "missing": "error", "regressed": "error", "better": "notice"}
    return [
        f"::{levels[v.status]} file={_escape(file, ':,')},title={_escape('rawbench: ' + v.status, ':,')}::{_escape(s)}"
        for v in verdicts
        if v.status in levels
        for s in v.sentences
    ]


def _escape(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def junit(verdicts: Sequence[Verdict]) -> bytes:
    """JUnit XML: a test case for each verdict."""
    from xml.etree import ElementTree as ET

    elements: dict[str, str] = {"failed": "error", "missing": "error", "regressed": "failure", "not judged": "skipped"}
    counts = Counter(elements.get(v.status, "") for v in verdicts)
    totals = {"tests": str(len(verdicts)), "failures": str(counts["failure"]), "errors": str(counts["error"])}
    totals |= {"name": "rawbench regress", "skipped": str(counts["skipped"])}
    suite = ET.Element("testsuite", totals)
    for verdict in verdicts:
        case = ET.SubElement(suite, "testcase", classname=_xml(verdict.method), name=_xml(verdict.place))
        if verdict.status in elements:
            ET.SubElement(case, elements[verdict.status], message=_xml("; ".join(verdict.sentences)))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


def _xml(text: str) -> str:
    """Text without the characters that XML has no way to write."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)
