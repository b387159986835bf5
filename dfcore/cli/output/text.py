"""Plain tables for commands that must start fast (rich costs a fifth of a second to import)."""

from __future__ import annotations

from collections.abc import Sequence

from dfcore.text import printable

__all__ = ["printable", "table"]


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows under a header, columns as wide as their widest cell, the last one free; each cell made printable."""
    cells = [[printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    rule = "  ".join("-" * width for width in widths)
    return "\n".join([lines[0], rule, *lines[1:]])
