"""The table of hostile files: what each command says of them, in a process that may not connect."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from . import hostile_files as files
from .judge import fault_of_reason, fault_of_terminal
from .sockets import Server, forbid_connections, forbid_programs

__all__ = ["Row", "main", "rows"]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202e]")
_WIDTH = 150
MARK = "EXECUTED"
"""The file that is there where something hostile ran, or another program was started."""


@dataclass(frozen=True)
class Row:
    """What a command said of a file; ``fault`` is what is wrong with that, "" for nothing."""

    what: str
    door: str
    outcome: str
    said: str
    fault: str


class Doors:
    """The commands, on hostile files below ``root``."""

    def __init__(self, root: Path, address: str) -> None:
        from .samples import make_samples

        self.root, self.address = root, address
        self.mark, self.secret = root / MARK, root / "secret.txt"
        self.samples = make_samples(root / "good", kinds=("weights", "store", "run"))
        self.good = self.samples.models / "rr_stage1_final.pt"

    def command(self, what: str, door: str, *arguments: object, refused: bool = True) -> Row:
        """A command's answer; ``refused`` says that it must not succeed."""
        from click.testing import CliRunner

        from dfcore.cli import cli
        from dfcore.errors import DfcoreError
        from dfcore.text import printable

        done = CliRunner().invoke(cli, [str(argument) for argument in arguments], standalone_mode=False)
        said, error = done.output, done.exception
        own = error is None or isinstance(error, DfcoreError | SystemExit) or type(error).__module__.startswith("click")
        if error is not None and not isinstance(error, SystemExit):
            said = f"{said}\n{printable(error, lines=True)}" if own else f"{type(error).__name__}: {error}"
        fault = "" if own else "an exception that is not dfcore's"
        ok = error is None and not done.return_value
        if refused and ok:
            fault = fault or "not refused"
        return self.row(what, door, "goes on" if ok else "refused", said, fault)

    def row(self, what: str, door: str, outcome: str, said: str, fault: str = "") -> Row:
        """A row; whatever must not be is looked for."""
        secret = self.secret.read_text() if self.secret.exists() else "-"
        if self.mark.exists():
            fault = f"EXECUTED {self.mark.read_text().strip()}"
            self.mark.unlink()
        elif secret in said:
            fault = "another file's content is shown"
        elif "SIGSYS" in said:
            fault = "it tried to connect"
        elif library := fault_of_terminal(said):
            fault = library
        elif _CONTROL.search(said):
            fault = f"a control character is shown: {_CONTROL.search(said)!r}"
        return Row(what, door, outcome, said, fault)

    def weights(self) -> Iterator[Row]:
        """Predict --models, train --set stage.start and --backbone-weights."""
        best = self.samples.models / "cm_stage1_epoch01.zip"
        photo = self.samples.good[1]
        for path in files.write_weights(self.root / "weights", self.good, best, self.mark):
            if path.suffix in (".pt", ".zip"):
                yield self.command(path.name, "predict --models", "predict", photo, "--models", path)
            if path.suffix in (".pt", ".safetensors"):
                backbone = ("train", "rr", "--stage", 1, "--data", "demo", "--backbone", "test_efficientnet")
                out = ("--out", self.root / "out", "--backbone-weights", path)
                yield self.command(path.name, "train --backbone-weights", *backbone, *out)

    def media(self) -> Iterator[Row]:
        """Every file through predict, prepare and verify, each alone, the last two as a dataset."""
        import dfcore
        from dfcore.data.checks.verify import verify
        from dfcore.data.clips.plan import ClipPlan
        from dfcore.data.prepare.videos import prepare_videos
        from dfcore.data.records import Scan, VideoRecord
        from dfcore.data.store.clip_store import ClipStore

        from .parts import DETECTOR

        made = files.write_media(self.root / "media", self.samples.root / "media/h264.mp4", self.address, self.secret)
        paths = [*made, *files.write_bombs(self.root / "bombs")]
        judged = {found.path: found for found in dfcore.predict(paths, self.good, detector=DETECTOR, device="cpu")}
        records = tuple(VideoRecord(str(i), path, i % 2) for i, path in enumerate(paths))
        report = prepare_videos(
            records, ClipStore(self.root / "clips"), ClipPlan(clips=1, frames=2, detector=DETECTOR), workers=1,
            isolate=True, progress=None,
        )  # fmt: skip
        failed = {one.id: one.reason for one in report.failed}
        unreadable = {one.id: one.reason for one in verify(Scan("made", self.root, records), progress=False).unreadable}
        for record in records:
            reason = judged[record.path].reason if judged[record.path].verdict == "none" else ""
            for door, said in (
                ("predict", reason), ("prepare", failed.get(record.id, "")), ("verify", unreadable.get(record.id, ""))
            ):  # fmt: skip
                yield self._of_media(record.path, door, said)

    def _of_media(self, path: Path, door: str, said: str) -> Row:
        from dfcore.text import printable

        fault = ""
        if not said and path.name not in ("with_reference.mov", "text_bomb.png"):
            fault = "not refused"
        elif said:
            fault = fault_of_reason(said.replace(str(path), "FILE"), "FILE")
        shown = printable(said.replace(str(path.parent), "DIR"))
        return self.row(printable(path.name), door, "refused" if said else "goes on", shown, fault)

    def folders(self) -> Iterator[Row]:
        """A folder that holds itself, an address, and names with markup on the terminal."""
        table = self.command("names and circles of links", "predict FOLDER (table)", "predict", self.root / "media",
                             "--models", self.good, "--detector", "fuzzing.parts:FixedFace", refused=False)  # fmt: skip
        yield table
        yield self.command("an address", "predict URL", "predict", f"{self.address}/a.mp4", "--models", self.good)
        data = ("datasets", "verify", "real_videos", self.root / "media")
        yield self.command("names and circles of links", "datasets verify", *data, refused=False)

    def lists(self) -> Iterator[Row]:
        """Scanning datasets whose lists are hostile."""
        for what, adapter, root in files.write_lists(self.root / "lists", self.secret):
            yield self.command(what, f"datasets verify {adapter}", "datasets", "verify", adapter, root)

    def stores(self) -> Iterator[Row]:
        """Stores with lying headers, lines that lead elsewhere, and brackets without end."""
        import struct

        def lie(path: Path) -> None:
            path.write_bytes(struct.pack("<Q", 2**60) + path.read_bytes()[8:])

        def lead_away(path: Path) -> None:
            line = json.loads(path.read_text().splitlines()[0])
            line.pop("checksum", None)
            path.write_text(json.dumps({**line, "stem": "../../secret", "id": "\x1b[31m"}) + "\n")

        damages: dict[str, tuple[str, Callable[[Path], Any]]] = {
            "header of 2**60 bytes": ("v0.safetensors", lie),
            "line that leads out of the store": ("index.jsonl", lead_away),
            "line of 100,000 brackets": ("index.jsonl", lambda path: path.write_text("[" * 100000)),
            "file that is a pickle": ("v0.safetensors", lambda path: path.write_bytes(b"\x80\x04" + bytes(99))),
        }
        for what, (name, damage) in damages.items():
            store = self.root / "store"
            shutil.rmtree(store, ignore_errors=True)
            shutil.copytree(self.samples.store, store)
            damage(store / name)
            mended = name == "index.jsonl"  # the files decide: such a line is dropped
            yield self.command(what, "store verify", "store", "verify", store, refused=not mended)

    def runs(self) -> Iterator[Row]:
        """Runs with pickles, brackets without end, and markup."""
        import tiny_run

        from dfcore.errors import DfcoreError

        for what, name, content in (
            ("configuration of 100,000 brackets", "config.json", b"[" * 100000),
            ("numbers that are none", "metrics.jsonl", b'{"epoch": 1e999, "step": NaN}\n{"epoch": "\\u001b[31m"}\n'),
            ("markup and controls", "config.json", b'{"config": {"stage": {"dataset": "[red]\\u001b[31mx"}}}'),
        ):
            out = self.root / "runs"
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(self.samples.runs, out)
            (out / "stopped_stage1" / name).write_bytes(content)
            yield self.command(what, "runs", "runs", "--out", out, refused=False)
        evil = files.Evil(self.mark)
        import torch

        torch.save({"format": 1, "model": evil}, out / "stopped_stage1/last.pt")
        (out / "stopped_stage1").rename(out / "tiny_stage1")
        shutil.copy(self.samples.runs / "stopped_stage1/config.json", out / "tiny_stage1")
        try:
            tiny_run.tiny_run(tiny_run.tiny_config(out), resume=True)
            yield self.row("state that is a pickle", "resume", "goes on", "", "not refused")
        except DfcoreError as error:
            yield self.row("state that is a pickle", "resume", "refused", str(error))

    def configurations(self) -> Iterator[Row]:
        """A configuration file that lies in the working directory."""
        here = Path.cwd()
        folder = self.root / "project"
        folder.mkdir()
        (folder / "evil_module.py").write_text(
            f"import pathlib\npathlib.Path({str(self.mark)!r}).touch()\nRun = object\n"
        )
        try:
            os.chdir(folder)
            sys.path.insert(0, str(folder))
            for key, value in (
                ("data.detector", '"evil_module:Run"'), ("run.callbacks", '["evil_module:Run"]'),
                ("stage.loss", '"evil_module:Run"'), ("model.backbone", '"evil_module:Run"'),
                ("stage.lr", "1e999"), ("stage.epochs", "0"), ("run.out", '"../../elsewhere"'),
            ):  # fmt: skip
                (folder / "dfcore.toml").write_text(f'[set]\n"{key}" = {value}\n')
                train = ("train", "rr", "--stage", 1, "--data", folder / "nothing")
                row = self.command(f"dfcore.toml: {key} = {value[:30]}", "train", *train)
                yield row if key in row.said else replace(row, fault=row.fault or "the key is not named")
        finally:
            os.chdir(here)
            sys.path.remove(str(folder))


def rows(root: Path, address: str) -> Iterator[Row]:
    """Every hostile file at every door."""
    doors = Doors(root, address)
    for group in (
        doors.media,
        doors.folders,
        doors.weights,
        doors.lists,
        doors.stores,
        doors.runs,
        doors.configurations,
    ):
        yield from group()


def _serve(pipe: Connection, root: Path, address: str) -> None:
    pipe.send(forbid_connections())
    root.mkdir(parents=True, exist_ok=True)
    forbid_programs(root / MARK)
    for row in rows(root, address):
        pipe.send(row)
    pipe.send(None)


def collect(root: Path, seen: Callable[[Row], None] = lambda _: None) -> tuple[list[Row], str, int]:
    """All rows, how connections were forbidden, and how many came to the server all the same.

    Args:
        root: a folder that is not there yet.
        seen: called with each row as it comes.
    """
    server = Server()
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, root, server.address))
    process.start()
    there.close()
    found: list[Row] = []
    try:
        how = here.recv()
        while (row := here.recv()) is not None:
            found.append(row)
            seen(row)
    except EOFError:
        process.join()
        found.append(Row("-", "-", "CRASH", "", f"the process ended ({process.exitcode}) after {found[-1:]}"))
    process.join(5)
    process.kill()
    server.close()
    return found, how, server.came


def main(root: Path) -> int:
    """Print the table; 1 where anything is wrong."""

    def show(row: Row) -> None:
        said = " ".join(row.said.replace(str(root / "hostile"), "DIR").split())
        short = textwrap.shorten(said, _WIDTH, placeholder=" ...")
        print(f"{row.what:<44.44} {row.door:<26} {row.outcome:<8} {short}", flush=True)
        if row.fault:
            print(f"    FAULT: {row.fault}", flush=True)

    found, how, came = collect(root / "hostile", show)
    faults = sum(bool(row.fault) for row in found)
    print(f"{len(found)} answers, {faults} faults; connections that came: {came}; {how or 'connections not forbidden'}")
    return int(bool(faults or came))
