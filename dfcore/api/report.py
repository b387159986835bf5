"""Reports on files that are judged."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dfcore.results import Result

if TYPE_CHECKING:
    from dfcore.inference.results import FileResult

__all__ = ["ReportResult", "report"]


@dataclass(frozen=True, slots=True)
class ReportResult(Result):
    """A report that was written.

    Attributes:
        path: what to open: the page of a single file, or the index.
        results: of the files that were judged now, in order.
    """

    path: Path
    results: tuple[FileResult, ...]


def report(
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    path: str | os.PathLike[str],
    models: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = "runs",
    *,
    explain: bool = True,
    resume: bool = False,
    people: int | str | None = None,
    samples: int | None = None,
    detector: str | None = None,
    device: str = "auto",
    ensemble: str | os.PathLike[str] | None = None,
    prior: float = 0.5,
    isolate: bool = True,
) -> ReportResult:
    """Judge videos and photos as :func:`dfcore.predict` does, and write pages to hand over: ``docs/report.md``.

    Each page stands by itself, loads nothing and runs no script. It is written as soon as its file is judged.

    Args:
        files: files, and folders of them.
        path: ``x.html`` for the page of a single file, or for the index of several, whose pages are then in
            ``x_files``; any other name is a folder for index and pages.
        models: weights, runs' folders, folders of runs.
        explain: say what each score rests on; it takes several times as long.
        resume: leave out files that have their page already.
        people: as in :func:`dfcore.predict`, like all that follow.
        samples: likewise.
        detector: likewise.
        device: likewise.
        ensemble: likewise.
        prior: likewise.
        isolate: likewise.

    Raises:
        UsageError: what lies at ``path`` is no report, or with ``resume`` of other weights.
        WriteError: a page cannot be written; those before it are there.
        DfcoreError: as :func:`dfcore.predict`.
    """
    from dfcore.inference.explain.explainer import Explainer
    from dfcore.inference.predict import open_predictor
    from dfcore.inference.report.write import FolderReport, start_report
    from dfcore.inference.results import FileResult

    predictor, listed = open_predictor(
        files,
        models,
        people=people,
        samples=samples,
        detector=detector,
        device=device,
        ensemble=ensemble,
        prior=prior,
        isolate=isolate,
    )
    named = [Path(one) for one in ([files] if isinstance(files, str | os.PathLike) else files)]
    command = f"dfcore.report({[str(one) for one in named]}, {str(path)!r}, prior={prior})"
    written = start_report(Path(path), predictor, named, listed, prior=prior, command=command, resume=resume)
    if resume and isinstance(written, FolderReport):
        listed = listed.without(written.known)
    judge = Explainer(predictor) if explain else predictor
    judged: list[FileResult] = []
    with written, closing(judge.results(listed.found, listed.refused)) as results:
        for one in results:
            result, explanation = (one, None) if isinstance(one, FileResult) else (one.result, one.explanation)
            written.write(result, explanation)
            judged.append(result)
    return ReportResult(written.address, tuple(judged))
