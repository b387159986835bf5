"""``dfcore predict``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dfcore.cli.options import PATH, People
from dfcore.cli.output.verdicts import JsonArray, VerdictTable
from dfcore.kaggle import run_folder

if TYPE_CHECKING:
    from dfcore.inference.explanation import FileExplanation
    from dfcore.inference.output import ResultFile
    from dfcore.inference.predict import Predictor
    from dfcore.inference.results import FileResult
    from dfcore.inference.scan import Files

FOUND_FAKE = 10
NOT_JUDGED = 4


@click.command("predict")
@click.argument("files", nargs=-1, required=True, type=PATH)
@click.option(
    "--models",
    multiple=True,
    type=PATH,
    help="Weights, a run's folder, or a folder of runs; may be given several times.  [default: runs]",
)
@click.option("--ensemble", type=PATH, help="An ensemble.json.  [default: beside the runs]")
@click.option(
    "--prior",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.5,
    show_default=True,
    help="The share of fakes among such videos; it moves the probability.",
)
@click.option("--people", type=People(), help="People to judge in a file.  [default: as in training]")
@click.option("--samples", type=click.IntRange(min=1), help="Samples a person.  [default: as in evaluation]")
@click.option("--detector", metavar="NAME", help="Face detector.  [default: as in training]")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda|mps", help="Where to compute.")
@click.option(
    "--engine",
    type=click.Choice(["torch", "onnxruntime"]),
    default="torch",
    show_default=True,
    help="What runs the models; onnxruntime exports them beside their weights once.",
)
@click.option("--jsonl", type=PATH, help="Append a JSON line for each file.")
@click.option("--csv", "table", type=PATH, help="Append a row for each file.")
@click.option("--html", type=PATH, help="Write a report: a page (.html), or a folder of an index and pages.")
@click.option("--resume", is_flag=True, help="Leave out files that are in --jsonl, --csv or --html already.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array in place of the table.")
@click.option(
    "--explain/--no-explain",
    default=None,
    help="Say what each score rests on; takes several times as long.  [default: with --html]",
)
@click.option("--exit-code", is_flag=True, help="Exit with 10 if a fake was found.")
@click.option("--isolate/--no-isolate", default=True, show_default=True, help="Decode in processes of their own.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes that decode.  [default: by cores and memory]")
def command(
    files: tuple[Path, ...],
    models: tuple[Path, ...],
    ensemble: Path | None,
    prior: float,
    people: int | str | None,
    samples: int | None,
    detector: str | None,
    device: str,
    engine: str,
    jsonl: Path | None,
    table: Path | None,
    html: Path | None,
    resume: bool,
    as_json: bool,
    explain: bool | None,
    exit_code: bool,
    isolate: bool,
    workers: int | None,
) -> None:
    """Judge videos and photos (or folders of them) with trained specialists.

    A score is a specialist's raw probability of fake, for each person; a file has those of the person most likely fake.
    A verdict (fake, real, uncertain) rests on what was calibrated on validation videos; without that it is uncertain.
    A file that cannot be judged has the verdict none and the reason, and the others go on.
    With --explain each cue, each region and each second is put to the test: what is the score without it?

    \b
    Exit codes:
      0    every file was judged
      4    a file could not be judged, or there is none
      10   with --exit-code: the verdict on a file is fake
      74   a result cannot be written (a full disk)
      130  Ctrl-C, 143 SIGTERM: results so far are written; --resume goes on
    """
    from dfcore.collector import importing
    from dfcore.inference.ahead.early import EarlyStart
    from dfcore.inference.models import find_models, people_number
    from dfcore.inference.scan import scan_files

    _lock((jsonl, table, html), resume=resume)
    # Before torch is imported: the first file is decoded while the models are loaded.
    early = click.get_current_context().with_resource(EarlyStart(isolate))
    listed = scan_files(files)
    given = models or (Path(run_folder()),)
    if not resume:  # then the first may be judged already
        early.begin(listed.found, find_models(given)[0], people=people_number(people), detector=detector)

    with importing():
        from dfcore.device import choose_device
        from dfcore.inference.predict import Predictor, engine_device, find_and_load
        from dfcore.inference.verdict import find_judge
        from dfcore.training.runtime.memory import keep_freed_memory

        chosen = str(choose_device(engine_device(engine, device)))
        if chosen == "cpu":
            keep_freed_memory()  # of each batch, for the next one
        roster = find_and_load(given, chosen, people=people, samples=samples, detector=detector, engine=engine)
    judge = find_judge(roster.members, ensemble, prior=prior)
    predictor = Predictor(roster, judge, chosen, isolate=isolate, workers=workers, early=early)
    outputs = _outputs(jsonl, table, roster.hashes, resume=resume)
    total = len(listed.found) + len(listed.refused)
    report = None
    if html is not None:
        from dfcore.inference.report.write import start_report

        typed = shlex.join(["dfcore", *sys.argv[1:]])
        report = start_report(html, predictor, files, listed, prior=prior, command=typed, resume=resume)
        outputs.append(report)
    explained = html is not None if explain is None else explain
    todo = _without_known(listed, outputs if resume else [])
    screen: JsonArray | VerdictTable = JsonArray() if as_json else VerdictTable(roster.hashes)
    with screen, report or nullcontext():
        known = total - len(todo.found) - len(todo.refused)
        if known:
            screen.say(f"{known} of {total} files are judged already and left out.")
        with closing(_results(predictor, todo, explained, quiet=not as_json and sys.stdout.isatty())) as results:
            tally = _show(results, screen, outputs, report, resume=resume, explain=bool(explain))
        screen.close_with([*_under(predictor, tally), *([f"report: {report.address}"] if report else [])])
    sys.exit(FOUND_FAKE if exit_code and tally.fakes else NOT_JUDGED if tally.none else 0)


def _lock(outputs: Iterable[Path | None], *, resume: bool) -> None:
    """Keep other commands from writing to the same places, until this one ends."""
    from dfcore.errors import UsageError
    from dfcore.runs.output_lock import OutputLock

    places = {place for place in outputs if place is not None}
    if resume and not places:
        raise UsageError("--resume leaves out what is in --jsonl, --csv or --html: give one of them.")
    for place in places:
        click.get_current_context().with_resource(OutputLock(place, "predicting"))


class _Tally:
    """What is counted for the end."""

    def __init__(self) -> None:
        self.fakes = self.none = self.passing = self.more_people = self.files = 0

    def add(self, result: FileResult) -> None:
        self.files += 1
        self.fakes += result.verdict == "fake"
        self.none += result.verdict == "none"
        self.passing += result.passing
        self.more_people += (result.people_seen or 0) > len(result.people) > 0


def _show(
    results: Iterable[_Judged],
    screen: JsonArray | VerdictTable,
    outputs: Sequence[ResultFile],
    report: ResultFile | None,
    *,
    resume: bool,
    explain: bool,
) -> _Tally:
    """Write and show each file as soon as it is judged.

    An explanation that was made for the report alone is in no other output.
    """
    tally = _Tally()
    for one in results:
        for output in outputs:
            if str(one.result.path) not in output.known or not resume:
                output.write(one.result, one.explanation if explain or output is report else None)
        screen.show(one.result, one.explanation if explain else None)
        tally.add(one.result)
    return tally


def _outputs(jsonl: Path | None, table: Path | None, models: dict[str, str], *, resume: bool) -> list[ResultFile]:
    from dfcore.inference.output import CsvTable, JsonLines

    outputs: list[ResultFile] = []
    if jsonl is not None:
        outputs.append(JsonLines(jsonl, models, check=resume))
    if table is not None:
        outputs.append(CsvTable(table, models, check=resume))
    return outputs


def _without_known(listed: Files, outputs: Sequence[ResultFile]) -> Files:
    """The files that are not in all of the outputs."""
    return listed.without(set.intersection(*(output.known for output in outputs)) if outputs else ())


@dataclass(frozen=True, slots=True)
class _Judged:
    """A result, and its explanation where that was asked for."""

    result: FileResult
    explanation: FileExplanation | None = None


def _results(predictor: Predictor, files: Files, explain: bool, *, quiet: bool) -> Generator[_Judged, None, None]:
    """The results, with a bar on stderr unless rows on the terminal show how far it is."""
    from dfcore.console.progress import SILENT, TERMINAL, over

    total = len(files.found) + len(files.refused)
    with closing(_judged(predictor, files, explain)) as results:
        yield from over(results, (SILENT if quiet else TERMINAL).bar("judging", total, unit="file"))


def _judged(predictor: Predictor, files: Files, explain: bool) -> Generator[_Judged, None, None]:
    if explain:
        from dfcore.inference.explain.explainer import Explainer

        with closing(Explainer(predictor).results(files.found, files.refused)) as explained:
            for one in explained:
                yield _Judged(one.result, one.explanation)
        return
    with closing(predictor.results(files.found, files.refused)) as results:
        for result in results:
            yield _Judged(result)


def _under(predictor: Predictor, tally: _Tally) -> list[str]:
    """What stands under the verdicts."""
    lines = [member.origin for member in predictor.roster.members]
    lines += [f"warning: {warning}" for member in predictor.roster.members for warning in member.warnings]
    lines += [f"note: {note}" for note in (*predictor.roster.notes, *predictor.judge.notes)]
    if tally.more_people:
        lines.append(f"note: in {tally.more_people} files there are more people than were judged: --people all")
    if tally.none:
        again = f"; {tally.passing} may be judged by another try" if tally.passing else ""
        lines.append(f"{tally.none} of {tally.files} files could not be judged{again}.")
    return lines
