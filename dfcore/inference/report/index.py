"""The index of a report of several files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dfcore.inference.report import words
from dfcore.inference.report.about import About
from dfcore.inference.report.render import render
from dfcore.inference.results import VERDICTS
from dfcore.text import count_of

__all__ = ["Row", "index_page"]


@dataclass(frozen=True, slots=True)
class Row:
    """One file in the index.

    Attributes:
        path: of the file.
        address: of its page, relative to the index.
        verdict, score, probability: of the file.
        reason: what the verdict rests on, or why there is none.
        other: whether it was judged by other weights than those that the index describes.
    """

    path: str
    address: str
    verdict: str
    score: float | None
    probability: float | None
    reason: str
    other: bool

    @classmethod
    def of(cls, found: Mapping[str, Any], address: str, models: Mapping[str, str]) -> Row:
        """The row of a stored result."""
        path = str(found["path"])
        return cls(
            path=path,
            address=address,
            verdict=found["verdict"],
            score=found["score"],
            probability=found["probability"],
            reason=str(found["reason"]).removeprefix(f"{path}: "),
            other=found["models"] != dict(models),
        )


def index_page(rows: Sequence[Row], about: About, *, left: int = 0) -> str:
    """The index, as HTML.

    Args:
        rows: of the files that were judged.
        about: what all pages share.
        left: how many files are still to be judged.
    """
    counts = Counter(row.verdict for row in rows)
    waiting = f"{count_of(left, 'file')} {'is' if left == 1 else 'are'} not judged yet"
    return render(
        "index.html.j2",
        rows=rows,
        count=count_of(len(rows), "file"),
        verdicts=[(words.verdict_title(verdict), counts[verdict]) for verdict in VERDICTS if counts[verdict]],
        open=f"{waiting}: the command is under way, or was ended." if left > 0 else "",
        about=about,
    )
