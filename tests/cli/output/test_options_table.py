"""What every command takes: names, kinds, smallest values, defaults. Scripts rest on these."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from dfcore import cli

PLACES = "--data=text --dataset=text --store=text --out=text --set=text*"
TAKEN = {
    "train": f"""SPECIALIST=text! --stage=integer {PLACES} --recipe=text --show-config? --backbone=text
        --backbone-weights=text --pretrained/--no-pretrained? --epochs=1.. --batch-size=1.. --device=text --seed=integer
        --from=text --from-scratch? --chunks=text --keep-chunks=1.. --time-limit=text --resume? --overwrite?""",
    "calibrate": f"MODELS=path*! {PLACES} --alpha=float:0.01,shown --device=text",
    "ensemble": "",
    "ensemble fit": """MODELS=path*! --data=text --dataset=text --store=text --out=text --alpha=float:0.01,shown
        --device=text --set=text*""",
    "evaluate": f"""MODELS=path* {PLACES} --split=text:test,shown --operating-point=text:equal_error,shown
        --control/--no-control?:True --faithfulness? --draws=1..:1000,shown --device=text --batch-size=1..:8,shown
        --probe=text: --probe-weights=text: --emulate=text* --force? --resume? --plots/--no-plots?:True --compare=path*
        --json?""",
    "predict": """FILES=path*! --models=path* --ensemble=path --prior=0<..<1:0.5,shown --people=N|all --samples=1..
        --detector=text --device=text:auto,shown --engine=torch|onnxruntime:torch,shown --jsonl=path --csv=path
        --html=path --resume? --json? --explain/--no-explain? --exit-code? --isolate/--no-isolate?:True,shown
        --workers=1..""",
    "export": "WEIGHTS=path! --onnx=path --json?",
    "runs": "alone --out=text --json?",
    "runs prune": "NAMES=text* --out=text --keep=0.. --unfinished? --final? --stores? --dry-run? --yes?",
    "prepare": f"""SPECIALISTS=text* {PLACES} --workers=0.. --shard=text: --time-limit=text --estimate?
        --retry-failed?""",
    "store": "",
    "store verify": "STORE=path! --json?",
    "datasets": "alone --json?",
    "datasets find": "FOLDER=path --json?",
    "datasets download": "NAME=text! --from-kaggle=text --part=integer* --path=text* --to=path",
    "datasets verify": "NAME=text! ROOT=path --decode? --workers=1.. --json?",
    "stages": "--json?",
    "plugins": "--check? --json?",
    "describe": "SPECIALIST=text! --backbone=text: --json?",
    "doctor": "--out=text --json?",
}


def commands() -> Iterator[tuple[str, click.Command]]:
    top = cli.LazyGroup()
    for name in cli.COMMANDS:
        command = top.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        yield name, command
        for below, one in getattr(command, "commands", {}).items():
            yield f"{name} {below}", one


def kind(kind: click.ParamType) -> str:
    if isinstance(kind, (click.IntRange, click.FloatRange)):
        low, high = (
            "" if end is None else f"{end:g}{'<' * open_}" if place == 0 else f"{'<' * open_}{end:g}"
            for place, (end, open_) in enumerate(((kind.min, kind.min_open), (kind.max, kind.max_open)))
        )
        assert not kind.clamp
        return f"{low}..{high}"
    return "|".join(map(str, kind.choices)) if isinstance(kind, click.Choice) else kind.name


def taken(param: click.Parameter) -> str:
    """``--name=kind``, ``?`` for a flag, ``*`` for several, ``!`` for one that must be given, ``:default,shown``."""
    flag = isinstance(param, click.Option) and param.is_flag
    names = "/".join([*param.opts, *param.secondary_opts]) if isinstance(param, click.Option) else param.opts[0].upper()
    several = param.multiple if isinstance(param, click.Option) else param.nargs == -1
    text = f"{names}?" if flag else f"{names}={kind(param.type)}"
    default = param.default if isinstance(param.default, (str, int, float)) and param.default is not False else None
    text += "*" * several + "!" * param.required + ("" if default is None else f":{default}")
    return text + ",shown" * bool(isinstance(param, click.Option) and param.show_default)


def test_what_every_command_takes_is_in_the_table() -> None:
    found = {
        name: " ".join([*(["alone"] * getattr(one, "invoke_without_command", False)), *map(taken, one.params)])
        for name, one in commands()
    }
    assert found == {name: " ".join(text.split()) for name, text in TAKEN.items()}


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_a_flag_that_was_not_given_is_off_and_an_open_choice_undecided(option: str) -> None:
    assert option in cli.cli.context_settings["help_option_names"]
    for name, one in commands():
        context = one.make_context(name, [], resilient_parsing=True)
        for param in one.params:
            if isinstance(param, click.Option) and param.is_flag and param.name not in ("control", "plots", "isolate"):
                undecided = param.name in ("pretrained", "explain")
                assert context.params[param.name or ""] is (None if undecided else False), (name, param.name)
