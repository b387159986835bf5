"""Verdicts on the terminal: a row for each person, or one JSON array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from dfcore.cli.output.streams import for_console
from dfcore.cli.output.text import printable

if TYPE_CHECKING:
    from dfcore.inference.explanation import FileExplanation
    from dfcore.inference.results import FileResult

__all__ = ["JsonArray", "VerdictTable", "rows"]


class JsonArray:
    """``--json``: one array on stdout, closed whatever happens; everything else goes to stderr."""

    def __init__(self) -> None:
        self.first = True

    def __enter__(self) -> JsonArray:
        click.echo("[", nl=False)
        return self

    def __exit__(self, *_: object) -> None:
        click.echo("\n]")

    def say(self, text: str) -> None:
        """Print a line on stderr."""
        click.echo(printable(text), err=True)

    def show(self, result: FileResult, explanation: FileExplanation | None = None) -> None:
        """Print a file's entry."""
        from dfcore.inference.explanation import with_explanation
        from dfcore.inference.output import json_line

        # In one write: a signal comes before or after the whole of it.
        line = for_console(json_line(with_explanation(result, explanation)))
        click.echo(("\n " if self.first else ",\n ") + line, nl=False)
        self.first = False

    def close_with(self, lines: Sequence[str]) -> None:
        """Print what is to be said at the end."""
        for line in lines:
            self.say(line)


class VerdictTable:
    """A row for each person as soon as the file is judged, and under it why a specialist abstained."""

    def __init__(self, labels: Sequence[str] | dict[str, str]) -> None:
        self.labels = list(labels)
        self.widths = [max(6, len(label)) for label in self.labels]

    def __enter__(self) -> VerdictTable:
        heads = [label.rjust(width) for label, width in zip(self.labels, self.widths, strict=True)]
        self.say("  ".join(["verdict".ljust(9), *heads, " score", "prob.".rjust(6), "person".rjust(7), "file"]))
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def say(self, text: str) -> None:
        """Print a line."""
        click.echo(printable(text))

    def show(self, result: FileResult, explanation: FileExplanation | None = None) -> None:
        """Print a file's rows, and under them its explanation."""
        lines = rows(result, self.labels, self.widths)
        if explanation is not None:
            from dfcore.cli.output.explained import explanation_lines

            lines += explanation_lines(explanation)
        for line in lines:
            self.say(line)

    def close_with(self, lines: Sequence[str]) -> None:
        """Print what is to be said at the end."""
        click.echo("")
        for line in lines:
            self.say(line)


def rows(result: FileResult, labels: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The lines of one file: a row for each person, why specialists abstained, what the decoder warned of."""
    if not result.people:
        return [f"{'none':9}  {result.path}: {_without_path(result)}", *_notes(result)]
    lines = []
    seen = result.people_seen or len(result.people)
    for person in result.people:
        cells = [
            _number(person.specialists[name].score).rjust(width) if name in person.specialists else " " * width
            for name, width in zip(labels, widths, strict=True)
        ]
        mark = "*" if len(result.people) > 1 and person.person == result.person else ""
        who = f"{person.person + 1}/{seen}{mark}".rjust(7)
        scores = (_number(person.score), _number(person.probability).rjust(6))
        lines.append("  ".join([person.verdict.ljust(9), *cells, *(s.rjust(6) for s in scores), who, str(result.path)]))
        lines += [f"{'':11}{name}: {one.abstained}" for name, one in person.specialists.items() if one.abstained]
    return [*lines, *_notes(result)]


def _without_path(result: FileResult) -> str:
    return result.reason.removeprefix(f"{result.path}: ")


def _notes(result: FileResult) -> list[str]:
    return [f"{'':11}{note.removeprefix(f'{result.path}: ')}" for note in result.notes]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
