"""Messages of the library, as the command line shows them."""

from __future__ import annotations

import pytest

from dfcore.cli import datasets, evaluate, prepare, train
from dfcore.cli.output.words import ARGUMENTS, OPTIONS, PARAMETERS, as_options
from dfcore.config import keys


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Go on with resume=True, or overwrite=True.", "Go on with --resume, or --overwrite."),
        ("choose another run.out.", "choose another --out."),
        ("say data.root=/path/to/it", "say --data /path/to/it"),
        ("data.root=demo (made)", "--data demo (made)"),
        ("set stage.lr=2e-5 or run.out=x", "set --set stage.lr=2e-5 or --out x"),
        ("stage.start=FILE, stage.start=scratch", "--from FILE, --from-scratch"),
        ("with stage=N, at this stage", "with --stage N, at this stage"),
        ("model.backbone_weights=FILE", "--backbone-weights FILE"),
        ("model.backbone_weights, model.backbone, model.backbone=x", "--backbone-weights, --backbone, --backbone x"),
        ("start at random with pretrained=False", "start at random with --no-pretrained"),
        ("stage.lr takes a number", "stage.lr takes a number"),
        ("/runs/run.out/x and data.root/y", "/runs/run.out/x and data.root/y"),
    ],
)
def test_parameters_and_keys_become_options(said: str, shown: str) -> None:
    assert as_options(said) == shown


def test_every_key_and_option_of_the_table_exists() -> None:
    assert set(OPTIONS) <= set(keys())
    commands = (train.command, prepare.command, evaluate.command, datasets.download_command)
    options = {
        name
        for command in commands
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    assert {*OPTIONS.values(), *ARGUMENTS.values(), *PARAMETERS.values()} <= options
