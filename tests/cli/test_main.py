"""The command line's frame: help, unknown names, exit codes, messages without tracebacks."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dfcore import cli


def dfcore(*arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m dfcore`` and check its exit code."""
    import os

    done = subprocess.run(
        [sys.executable, "-m", "dfcore", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def test_every_command_has_its_file_and_its_summary() -> None:
    for name in cli.COMMANDS:
        command = cli.LazyGroup().get_command(None, name)  # type: ignore[arg-type]
        assert command is not None, name
        assert command.name == name
    shared = {"__init__", "announce", "explained", "options", "shown", "streams", "text", "words"}
    files = {path.stem for path in Path(cli.__file__).parent.glob("*.py")}
    assert files - shared == set(cli.COMMANDS)


def test_help_lists_the_commands() -> None:
    out = dfcore("--help").stdout
    assert all(name in out for name in cli.COMMANDS)


def test_an_unknown_command_suggests_the_nearest() -> None:
    assert "Did you mean 'train'" in dfcore("trian", code=2).stderr


def test_an_unknown_option_suggests_the_nearest() -> None:
    assert "--stage" in dfcore("train", "cm", "--stge", "1", code=2).stderr


def test_an_error_shows_its_message_and_no_traceback() -> None:
    done = dfcore("describe", "cmm", code=2)
    assert "Did you mean 'cm'" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in dfcore("describe", "cmm", code=1, DFCORE_TRACEBACK="1").stderr


def test_describe_gives_the_fixed_numbers() -> None:
    content = json.loads(dfcore("describe", "cm", "--json").stdout)
    assert (content["channels"], content["features"], content["fused_features"]) == (40, 1960, 3752)
    assert "3752" in dfcore("describe", "cm").stdout


def test_plugins_lists_and_restricts() -> None:
    names = [row["name"] for row in json.loads(dfcore("plugins", "--json").stdout)["plugins"]]
    assert names == ["av", "bg", "cm", "rr", "tm"]
    assert "pip install dfs-cm" in dfcore("plugins", DFCORE_PLUGINS="none").stdout


def test_stages_lists_the_curriculum_and_pretraining() -> None:
    assert [stage["number"] for stage in json.loads(dfcore("stages", "--json").stdout)] == [0, 1, 2, 4]


def test_train_without_a_stage_or_data_says_what_each_stage_needs() -> None:
    said = dfcore("train", "cm", code=2).stderr
    for number, title, name in (
        (1, "FaceForensics++", "FACEFORENSICS"),
        (2, "Celeb-DF", "CELEBDF"),
        (4, "DFDC", "DFDC"),
    ):
        assert f"{number} ({title}): export DFCORE_DATASET_{name}=" in said
    assert "0 (" not in said
    assert "--data demo" in said


def test_train_with_an_unknown_stage_lists_them() -> None:
    assert "stages 0, 1, 2, 4" in dfcore("train", "cm", "--stage", "3", code=2).stderr


def test_train_without_data_says_how_to_give_it(tmp_path: Path) -> None:
    error = dfcore("train", "cm", "--stage", "1", "--out", str(tmp_path), code=2).stderr
    for way in ("--data demo", "DFCORE_DATASET_FACEFORENSICS", "dfcore.toml"):
        assert way in error


def test_train_refuses_resume_with_overwrite() -> None:
    assert "one of them" in dfcore("train", "cm", "--stage", "1", "--resume", "--overwrite", code=2).stderr


@pytest.mark.parametrize(
    ("assignment", "said"), [("stage.epoch=2", "Did you mean 'stage.epochs'"), ("stage.epochs=two", "a whole number")]
)
def test_train_checks_its_keys_before_it_imports_torch(assignment: str, said: str) -> None:
    arguments = ("train", "cm", "--stage", "1", "--data", "demo", "--set", assignment)
    assert said in dfcore(*arguments, code=2).stderr


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    arguments = ("train", "cm", "--stage", "1", "--data", str(tmp_path / "nowhere"), "--out", str(tmp_path))
    assert "nowhere" in dfcore(*arguments, code=4).stderr


WAITING = """
import sys, time, click
sys.path[:] = sys.argv.pop(1).split('|')
import dfcore.cli as cli

def wait():
    try:
        print('ready', flush=True)
        time.sleep(60)
    finally:
        print('closed', flush=True)

cli.LazyGroup.get_command = lambda self, ctx, name: click.Command(name, callback=wait)
cli.main()
"""


@pytest.mark.parametrize(
    ("number", "code", "said"), [(signal.SIGINT, 130, "Interrupted."), (signal.SIGTERM, 143, "Terminated.")]
)
def test_a_signal_ends_every_command_in_order(number: signal.Signals, code: int, said: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, "|".join(sys.path), "stages"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell starts what it puts in the background with Ctrl-C ignored, and that is handed on
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (code, "closed\n")
    assert said in errors
    assert "Traceback" not in errors
