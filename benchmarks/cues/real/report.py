"""The tables of real fakes: in the terminal, ``real-fakes.json`` and ``real-fakes.md``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from .figures import Figures, figures
from .listing import Video

__all__ = ["codec_rows", "results", "show_real", "write_real"]

HEAD = ("arm", "unpaired AUC", "of one compression", "shift in genuine sd", "pairs ranked right", "fakes", "genuine")


def results(margins: Mapping[str, NDArray[np.float64]], videos: Sequence[Video]) -> dict[str, Any]:
    """All figures of all arms, for all fakes and by method and compression."""
    kinds = sorted({(video.method, video.compression) for video in videos if video.label})
    parts: dict[str, list[bool]] = {"all": [True] * len(videos)}
    for method, compression in kinds:
        name = " ".join(part for part in (method, compression) if part) or "unnamed"
        parts[name] = [(video.method, video.compression) == (method, compression) for video in videos]
    return {
        "videos": [
            {"path": str(video.path), "label": video.label, "group": video.group, "method": video.method}
            for video in videos
        ],
        "margins": {
            arm: [[None if np.isnan(one) else round(float(one), 4) for one in row] for row in found]
            for arm, found in margins.items()
        },
        "tables": {
            name: {arm: _json(figures(found, videos, chosen)) for arm, found in margins.items()}
            for name, chosen in parts.items()
        },
    }


def codec_rows(
    margins: NDArray[np.float64], codecs: Sequence[str], videos: Sequence[Video]
) -> dict[str, list[float | int]]:
    """Margins of genuine videos by what they were written with once more, in deviations from the genuine ones' mean.

    Args:
        margins: ``[S, R]``, of the videos and then of their versions.
        codecs: of each row, "" for the videos.
        videos: the first rows'.

    Returns:
        By codec ("as found" for the videos themselves): least, median, greatest of the means over seeds, how many.
    """
    count = len(videos)
    genuine = np.array([video.label == 0 for video in videos] + [True] * (len(codecs) - count))
    own = margins[:, :count][:, genuine[:count]]
    scaled = (margins - np.nanmean(own, axis=1, keepdims=True)) / np.nanstd(own, axis=1, keepdims=True)
    means = scaled.mean(axis=0)
    found: dict[str, list[float | int]] = {}
    for codec in dict.fromkeys(codecs):
        here = means[(np.array(codecs) == codec) & genuine]
        here = here[np.isfinite(here)]
        if len(here):
            values = [round(float(value), 2) for value in (here.min(), np.median(here), here.max())]
            found[codec or "as found"] = [*values, len(here)]
    return found


def _json(found: Figures) -> dict[str, Any]:
    shift = None if found.shift is None else [None if np.isnan(value) else round(value, 3) for value in found.shift]
    return {
        "auc": found.auc.to_json() if found.auc else None,
        "alike": None if found.alike is None else round(found.alike, 4),
        "shift": shift,
        "ranked": round(found.ranked, 2),
        "pairs": found.pairs,
        "fakes": found.fakes,
        "genuine": found.genuine,
    }


def _cells(arm: str, row: Mapping[str, Any]) -> list[str]:
    auc, shift = row["auc"], row["shift"]
    told = "-"
    if auc:
        told = f"{auc['value']:.2f}"
        if auc["low"] is not None and auc["high"] is not None:  # unknown where all fakes are of one person
            told += f" [{auc['low']:.2f}, {auc['high']:.2f}]"
        told = told.replace("0.", ".")
    alike = "-" if row["alike"] is None else f"{row['alike']:.2f}".replace("0.", ".")
    moved = "-"
    if shift:
        moved = f"{shift[0]:+.2f}" + ("" if shift[1] is None else f" [{shift[1]:+.2f}, {shift[2]:+.2f}]")
    ranked = f"{row['ranked']:.1f} of {row['pairs']}" if row["pairs"] else "-"
    return [arm, told, alike, moved, ranked, str(row["fakes"]), str(row["genuine"])]


def show_real(found: Mapping[str, Any], console: Console) -> None:
    """Print the table of all fakes and those of the single methods."""
    for name, rows in found["tables"].items():
        table = Table(title=f"real fakes: {name}", title_justify="left")
        for number, head in enumerate(HEAD):
            table.add_column(head, justify="left" if number == 0 else "right")
        for arm, row in rows.items():
            table.add_row(*_cells(arm, row))
        console.print(table)
    for arm, rows in found["codecs"].items():
        if len(rows) > 1:
            told = "; ".join(
                f"{codec} {low:+.1f} {middle:+.1f} {high:+.1f}" for codec, (low, middle, high, _) in rows.items()
            )
            console.print(f"{arm}, genuine videos written again, least, median, greatest margin in genuine sd: {told}")


def write_real(found: Mapping[str, Any], out: Path) -> None:
    """``real-fakes.json`` and ``real-fakes.md``."""
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found, indent=1, ensure_ascii=False)
    (out / "real-fakes.json").write_text(text + "\n", encoding="utf-8")
    parts = []
    for name, rows in found["tables"].items():
        lines = [f"**{name}**\n", "| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
        parts.append("\n".join([*lines, *("| " + " | ".join(_cells(arm, row)) + " |" for arm, row in rows.items())]))
    rows = [(arm, codec, *values) for arm, codecs in found["codecs"].items() for codec, values in codecs.items()]
    head = ("specialist", "codec", "least", "median", "greatest", "videos")
    if any(codec != "as found" for _, codec, *_ in rows):
        lines = ["**genuine videos written once more**\n", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        parts.append("\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)]))
    (out / "real-fakes.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
