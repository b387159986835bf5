"""A name that holds control characters, markup, letters that the console lacks and bytes that are no UTF-8, through
every command: nothing of it that a terminal obeys comes out, and no letter ends a command, whatever it does with it.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import unicodedata
from pathlib import Path

import fake_parts
import pytest

from dfcore.cli import main
from dfcore.testing.media import write_video

CONSOLE = "cp1252"
HOSTILE = "a\x1b[31m\u202e\x07[red]é名😀" + os.fsdecode(b"\xe9")
FACE = f"{fake_parts.__name__}:FixedFace"
WORK = ("prepare", "evaluate OUT", "predict DATA --models OUT", "calibrate", "store verify STORE")
"""Commands that must do their work, not only refuse."""
OBEYED = {"Cc", "Cf", "Cs"}
SMALL = (
    "--dataset folder --backbone test_efficientnet --no-pretrained --epochs 1 --batch-size 2 --set data.workers=0 "
    "--set data.samples_per_video=1 --set data.eval_samples=1 --set data.clips_per_video=1 --set data.val_share=0.4 "
    "DETECTOR"
)
EVALUATE = "evaluate OUT --split all --force --dataset folder --data DATA --draws 5 --no-plots --out OUT DETECTOR"
PREDICT = "predict DATA --models OUT --jsonl OUT/a.jsonl --csv OUT/a.csv --html OUT/a.html --no-explain --detector FACE"
COMMANDS = (
    "prepare rr --dataset folder --data DATA --out OUT DETECTOR",
    f"train rr --stage 1 --data DATA --out OUT --from-scratch {SMALL}",
    f"train rr --stage 1 --data DATA --out OUT --from-scratch {SMALL}",  # refused: it is there
    "train rr --stage 1 --dataset folder --data DATA --out OUT --from OUT/nothing.pt --overwrite",
    "runs --out OUT",
    "runs --out OUT --json",
    "runs --out OUT prune --stores --dry-run",
    EVALUATE,
    f"{EVALUATE} --json --resume",
    "evaluate --compare OUT",
    "calibrate OUT --dataset folder --data DATA --out OUT DETECTOR",
    "ensemble fit OUT OUT/nothing.pt",
    "predict DATA --models OUT --detector FACE",
    "predict DATA DATA/nothing.mp4 --models OUT --json --detector FACE",
    PREDICT,
    f"{PREDICT} --resume",
    "predict DATA --models DATA",
    "store verify STORE",
    "store verify STORE --json",
    "store verify OUT/nothing",
    "datasets find DATA",
    "datasets verify folder DATA",
    "datasets verify folder DATA --json",
    "datasets verify csv DATA",
    "datasets verify dfdc DATA",
    "datasets verify NAME DATA",
    "describe NAME",
    "runs --out OUT prune NAME",
    "train NAME",
    "predict DATA --models OUT --detector NAME",
    "export NAME",
    "export OUT --onnx OUT/NAME",
    "train rr --stage 1 --data DATA --dataset folder --set NAME=1",
    "train rr --stage 1 --data DATA --dataset folder --set stage.lr=NAME",
    "runs --out OUT prune --stores --yes",
)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A folder of such a name with a dataset whose files have such names too."""
    root = tmp_path_factory.mktemp("names") / HOSTILE
    video = write_video(tmp_path_factory.mktemp("video") / "a.mp4", width=256, height=256, frames=12)
    for label in ("real", "fake"):
        (root / "data" / label).mkdir(parents=True)
        for number in range(4):
            shutil.copy(video, root / "data" / label / f"{number}{HOSTILE}.mp4")
    (root / "data" / "real" / f"broken{HOSTILE}.mp4").write_text("no video")
    return {"DATA": str(root / "data"), "OUT": str(root / "runs"), "NAME": HOSTILE}


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def run(arguments: list[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the program on a console of another encoding."""
    held = [io.BytesIO(), io.BytesIO()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["dfcore", *arguments])
        streams = [io.TextIOWrapper(one, encoding=CONSOLE, newline="\n") for one in held]
        patch.setattr(sys, "stdout", streams[0])
        patch.setattr(sys, "stderr", streams[1])
        with pytest.raises(SystemExit) as ended:
            main()
        for stream in streams:
            stream.flush()
    code = ended.value.code
    assert isinstance(code, int)
    return code, held[0].getvalue().decode(CONSOLE), held[1].getvalue().decode(CONSOLE)


@pytest.mark.slow
def test_no_command_prints_what_a_terminal_obeys_or_fails_on_a_letter(
    places: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    for command in COMMANDS:
        stores = sorted((Path(places["OUT"]) / "store").glob("*"))
        words = {**places, "STORE": str(stores[0]) if stores else "", "FACE": FACE}
        arguments = []
        for word in command.replace("DETECTOR", f"--set data.detector={FACE}").split():
            for name, value in words.items():
                word = word.replace(name, value)
            arguments.append(word)
        code, output, errors = run(arguments)
        said = output + errors
        if command.startswith(WORK):
            assert code in (0, 4) or "NAME" in command, f"{command}: {said}"
        found = {letter for letter in said if unicodedata.category(letter) in OBEYED} - set("\n\t\r")
        assert not found, f"{command}: {found} in {said!r}"
        assert said.strip()
        assert "Traceback" not in said, f"{command}: {said}"
        if "--json" in command.split():
            assert is_json(output), f"{command}: {output!r}"
    assert not list((Path(places["OUT"]) / "store").glob("*/*.safetensors")), "the last command deletes the store"
