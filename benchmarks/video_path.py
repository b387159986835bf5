"""How many files of dfcore a command enters, and how often it comes back to one that it left.

    python benchmarks/video_path.py train      # made data, one small epoch: from the command to the loss
    python benchmarks/video_path.py predict    # one made video: from the command to the verdict
    python benchmarks/video_path.py train --list

The command runs in this process (and on one core, so that it starts no others) under ``sys.setprofile``. A file is
entered when one of its functions is called from another file of dfcore. A *return* is such a call into a file that was
entered before and has been left, which means that none of its functions is still running. Loops would drown the figure,
so each pair of files (caller, called) counts the first time only. What runs while a module is imported (the bodies of
its classes, above all) is not counted, nor what comes after the first loss:
validation, checkpoints, curves, calibration.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

SMALL = ("--backbone", "test_efficientnet", "--no-pretrained", "--epochs", "1", "--device", "cpu")
SETS = ("data.samples_per_video=1", "data.eval_samples=1", "data.clips_per_video=1", "data.workers=0")


class Way:
    """Follows calls between the files of a package, in the main thread."""

    def __init__(self, root: str, until: str = "") -> None:
        self.root, self.until = root, until
        self._done = False
        self.stretches: list[str] = []
        self._pairs: set[tuple[str, str]] = set()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """Note a call that goes from one file into another; for ``sys.setprofile``."""
        code = frame.f_code
        if self._done or event != "call" or not code.co_filename.startswith(self.root) or code.co_name == "<module>":
            return
        if self._importing(frame):
            return
        here, caller = code.co_filename, self._caller(frame)
        self._done = bool(self.until) and here.endswith(self.until) and code.co_name == "forward"
        if here != caller and (caller, here) not in self._pairs:
            self._pairs.add((caller, here))
            if here not in self.stretches or not self._running(frame, here):
                self.stretches.append(here)

    def _importing(self, frame: FrameType) -> bool:
        """Whether a module of the package is being imported at the moment."""
        back: FrameType | None = frame
        while back is not None:
            if back.f_code.co_name == "<module>" and back.f_code.co_filename.startswith(self.root):
                return True
            back = back.f_back
        return False

    def _caller(self, frame: FrameType) -> str:
        """The file of dfcore that the call comes from, whatever libraries lie between."""
        back = frame.f_back
        while back is not None and not (
            back.f_code.co_filename.startswith(self.root) and back.f_code.co_name != "<module>"
        ):
            back = back.f_back
        return back.f_code.co_filename if back is not None else ""

    @staticmethod
    def _running(frame: FrameType, file: str) -> bool:
        """Whether a function of ``file`` is among the callers."""
        back = frame.f_back
        while back is not None and not (back.f_code.co_filename == file and back.f_code.co_name != "<module>"):
            back = back.f_back
        return back is not None


def follow(action: Callable[[], object], root: str, until: str = "") -> list[str]:
    """The files entered while ``action`` runs, a name for each stretch, in order.

    With ``until``, the end of a file's name, nothing is counted after the first call of a ``forward`` in it.
    """
    way = Way(root, until)
    sys.setprofile(way)
    try:
        action()
    finally:
        sys.setprofile(None)
    return [name[len(root) :] for name in way.stretches]


def report(files: list[str], *, listed: bool) -> str:
    """The counts as text."""
    visits = Counter(files)
    folders = Counter(str(Path(name).parent) for name in visits)
    lines = [
        f"files entered: {len(visits)}, in {len(folders)} folders",
        f"returns to a file left before: {len(files) - len(visits)}",
    ]
    lines += [f"  {count:3d}  {folder}" for folder, count in folders.most_common()]
    if listed:
        lines += ["in order of first entry:", *(f"  {visits[name]}x {name}" for name in visits)]
    return "\n".join(lines)


def command(words: list[str]) -> Callable[[], object]:
    """``dfcore`` with these words, as a function; what it prints is kept back unless it fails."""
    from dfcore.cli import cli

    def run() -> None:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
            try:
                cli.main(words, standalone_mode=False, prog_name="dfcore")
            except SystemExit as done:
                if done.code:
                    raise RuntimeError(f"dfcore {' '.join(words)}: exit code {done.code}\n{said.getvalue()}") from None

    return run


def main() -> None:
    """Make data, follow the command, print the counts."""
    parser = argparse.ArgumentParser(description="Count the files of dfcore that a command enters.")
    parser.add_argument("command", choices=("train", "predict"))
    parser.add_argument("--list", action="store_true", help="print every file in the order in which it is entered")
    args = parser.parse_args()
    import click

    import dfcore
    from dfcore.cli import cli
    from dfcore.testing.demo import make_demo

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # videos are prepared in this process
    root = f"{Path(dfcore.__file__).resolve().parent}{os.sep}"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "dfcore.toml").touch()
        os.environ["DFCORE_CONFIG"] = str(Path(folder) / "dfcore.toml")  # not the user's
        demo = make_demo(Path(folder) / "demo", pairs=(1, 1, 1), frames=10, size=256, workers=1)
        out = str(Path(folder) / "runs")
        sets = [word for key in SETS for word in ("--set", key)]
        train = command(["train", "cm", "--stage", "1", "--data", str(demo), "--out", out, *SMALL, *sets])
        if args.command == "train":
            found = follow(train, root, until=f"training{os.sep}losses.py")
        else:
            train()
            video = str(next(iter(sorted(demo.rglob("*.mp4")))))
            words = ["predict", video, "--models", out, "--device", "cpu"]
            known = [name for option in cli.get_command(click.Context(cli), "predict").params for name in option.opts]
            found = follow(command([*words, *(["--no-isolate"] if "--isolate" in known else [])]), root)
    print(report(found, listed=args.list))


if __name__ == "__main__":
    main()
