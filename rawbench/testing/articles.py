"""Contracts that are judged in this process: articles of a name, a promise and a function that finds faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rawbench.testing.checks import CheckResult
from rawbench.testing.contract import NotJudged


@dataclass(frozen=True)
class Article:
    """One article of a contract.

    Attributes:
        name: of the check.
        promise: what holds when it passes.
        faults: yields a sentence for each fault; raises NotJudged with the reason.
    """

    name: str
    promise: str
    faults: Callable[[Any], Iterator[str]]


def judge_articles(articles: Sequence[Article], subject: Any) -> list[CheckResult]:
    """Judge all articles; what a plugin raises is a fault of the article that met it, and the others are judged."""
    return [_judge(article, subject) for article in articles]


def _judge(article: Article, subject: Any) -> CheckResult:
    try:
        faults = list(article.faults(subject))
    except NotJudged as missing:
        return CheckResult(article.name, "not judged", str(missing))
    except Exception as error:
        faults = [f"{type(error).__name__}: {error}"]
    if not faults:
        return CheckResult(article.name, "pass", article.promise)
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return CheckResult(article.name, "fail", " ".join(f"{faults[0]}{more}".split()))
