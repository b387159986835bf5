"""What was found, as tables in the terminal, ``results.json``, Markdown and an image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["image", "markdown", "show", "write"]

NAMES = {"cue": "cue head alone", "backbone": "backbone alone", "both": "both"}


def write(results: Mapping[str, Any], out: Path) -> None:
    """``results.json``, ``table.md`` and ``cue-bench.png``."""
    text = json.dumps(results, indent=1, ensure_ascii=False)
    (out / "results.json").write_text(text + "\n", encoding="utf-8")
    (out / "table.md").write_text(markdown(results), encoding="utf-8")
    image(results, out / "cue-bench.png")


def figure(found: Mapping[str, float] | None, *, sign: bool = False) -> str:
    """``.953 [.92, .98]``, or a dash."""
    if not found:
        return "-"
    value, low, high = (f"{found[name]:{'+' if sign else ''}.3f}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]".replace("0.", ".")


def _rows(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    arms = [arm for arm in NAMES if any(arm in row["auc"] for row in results["conditions"])]
    gains = any("gain" in row for row in results["conditions"])
    gain_head = ["cue - backbone"] if gains else []
    head = ["forgery", "condition", "pairs", *(NAMES[arm] for arm in arms), *gain_head, "cue, per video", "guard"]
    head += ["fake's file smaller"]
    rows = []
    for row in results["conditions"]:
        cells = []
        for arm in arms:
            found = row["auc"].get(arm)
            spread = found and found["spread"]
            cells.append(figure(found) + (f" ±{spread:.3f}".replace("0.", ".") if spread is not None else ""))
        guard = figure(row["guard"]["auc"]) + (" !" if row["guard"]["alarm"] else "")
        video = figure(row["video_auc"].get("cue"))
        gain = [figure(row.get("gain"), sign=True)] if gains else []
        size = f"{row['guard']['fake_smaller']:.0%} (x{row['guard']['size_ratio']:.3f})"
        rows.append([row["specialist"].upper(), row["label"], str(row["pairs"]), *cells, *gain, video, guard, size])
    return head, rows


def _matrix(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    matrix = results["matrix"]
    names = list(matrix)
    head = ["cue head of", *(f"on {name.upper()}'s" for name in names)]
    return head, [[name.upper(), *(figure(matrix[name].get(other)) for other in names)] for name in names]


def show(results: Mapping[str, Any], console: Console) -> None:
    """Print both tables."""
    for title, (head, rows) in (("AUC", _rows(results)), ("matrix, last encode at crf 23", _matrix(results))):
        table = Table(title=title, title_justify="left")
        for number, name in enumerate(head):
            table.add_column(name, justify="left" if number < 2 else "right")
        for cells in rows:
            table.add_row(*cells)
        console.print(table)
    for line in results["notes"]:
        console.print(f"- {line}", highlight=False)


def markdown(results: Mapping[str, Any]) -> str:
    """Both tables, and the notes."""
    parts = []
    for head, rows in (_rows(results), _matrix(results)):
        lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        parts.append("\n".join([*lines, *("| " + " | ".join(cells) + " |" for cells in rows)]))
    notes = "\n".join(f"- {line}" for line in results["notes"])
    return "\n\n".join([*parts, notes]) + "\n"


def image(results: Mapping[str, Any], path: Path) -> None:
    """Bars of each condition's arms, and the matrix."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rows, matrix = results["conditions"], results["matrix"]
    figure_, (bars, grid) = plt.subplots(
        1,
        2,
        figsize=(max(9, 0.5 * len(rows)) + 5, 5.5),
        width_ratios=[max(9, 0.5 * len(rows)), 5],
        layout="constrained",
    )
    colours = {"cue": "#0072B2", "backbone": "#999999", "both": "#E69F00"}  # Okabe and Ito's, told apart by all eyes
    arms = [arm for arm in NAMES if any(arm in row["auc"] for row in rows)]
    width = 0.8 / max(len(arms), 1)
    for number, arm in enumerate(arms):
        found = [(i, row["auc"][arm]) for i, row in enumerate(rows) if row["auc"].get(arm)]
        x = [i + (number - (len(arms) - 1) / 2) * width for i, _ in found]
        value = [f["value"] for _, f in found]
        error = [
            [max(0.0, f["value"] - f["low"]) for _, f in found],
            [max(0.0, f["high"] - f["value"]) for _, f in found],
        ]
        bars.bar(x, value, width, yerr=error, color=colours[arm], label=NAMES[arm], error_kw={"lw": 0.8})
    bars.axhline(0.5, color="black", lw=0.8, ls=":")
    labels = [f"{row['specialist'].upper()} {row['label']}" for row in rows]
    bars.set_xticks(range(len(rows)), labels, rotation=60, ha="right")
    bars.set(ylim=(0, 1.02), ylabel="AUC, 95 % interval over people")
    bars.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(NAMES), frameon=False)
    names = list(matrix)
    values = [[(matrix[a].get(b) or {"value": float("nan")})["value"] for b in names] for a in names]
    grid.imshow(values, vmin=0, vmax=1, cmap="RdBu_r")
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            colour = "white" if abs(value - 0.5) > 0.35 else "black"
            grid.text(j, i, "-" if value != value else f"{value:.2f}", ha="center", va="center", color=colour)
    upper = [name.upper() for name in names]
    grid.set_xticks(range(len(names)), [f"{name}'s forgeries" for name in upper], rotation=30, ha="right")
    grid.set_yticks(range(len(names)), [f"{name}'s cue head" for name in upper])
    figure_.savefig(path, dpi=110)
    plt.close(figure_)
