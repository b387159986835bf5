"""What each command asks of the library, and what it prints of the answer; the library is replaced."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dfcore.api.specialists import SpecialistInfo
from dfcore.cli import calibrate, datasets, describe, doctor, ensemble, evaluate, export, plugins, runs, stages, store
from dfcore.cli import prepare as preparing
from dfcore.cli import train as training
from dfcore.errors import StoreError, UsageError
from dfcore.plugins import registry

Asked = dict[str, Any]
NO_PLACES = {"data": None, "dataset": None, "store": None, "out": None}


def run(command: Any, *arguments: object, code: int = 0) -> Result:
    done = CliRunner().invoke(command, [str(argument) for argument in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def redirecting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration file that has things written elsewhere: what is given on the command line is left out."""
    monkeypatch.setattr("dfcore.cli.output.announce.redirected", lambda names: [f"given: {sorted(names)}"])


@pytest.mark.usefixtures("redirecting")
def test_calibrate_prints_what_was_learnt_and_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Asked = {}
    found = SimpleNamespace(label="cm", calibration=SimpleNamespace(summary=lambda: "worth it\x07"), path="a\x07.json")
    monkeypatch.setattr(
        "dfcore.api.calibrate.calibrate", lambda models, **how: asked.update(how, models=models) or [found]
    )
    done = run(
        calibrate.command, "a.pt", "b.pt", "--device", "cpu", "--alpha", 0.05, "--out", "o", "--set", "run.seed=3"
    )
    assert done.stdout.splitlines() == ["cm  worth it\\x07", "  a\\x07.json"]
    assert done.stderr == "config     given: ['run.out']\n"
    assert asked == {
        **NO_PLACES, "models": (Path("a.pt"), Path("b.pt")), "out": "o", "alpha": 0.05,
        "set": {"run.device": "cpu", "run.seed": "3"},
    }  # fmt: skip


@pytest.mark.usefixtures("redirecting")
@pytest.mark.parametrize(("given", "place"), [(["--out", "mine.json"], "mine.json"), ([], "beside.json")])
def test_an_ensemble_is_saved_where_it_is_asked_for_else_beside_the_runs(
    given: list[str], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Asked = {}
    saved: list[Path] = []
    required: list[Path] = []
    made = SimpleNamespace(save=saved.append)
    monkeypatch.setattr("dfcore.api.ensemble.Ensemble.fit", lambda models, **how: asked.update(how) or made)
    monkeypatch.setattr("dfcore.assessment.targets.find_targets", lambda models: [("found", *models)])
    monkeypatch.setattr(
        "dfcore.api.ensemble.default_place",
        lambda found: Path("beside.json") if found == [("found", Path("runs"))] else pytest.fail(str(found)),
    )
    monkeypatch.setattr("dfcore.filesystem.writing.require_place", required.append)
    monkeypatch.setattr(ensemble, "_lines", lambda found: ["a\x07", "b"] if found is made else [])
    done = run(ensemble.command, "fit", "runs", "--store", "s", *given)
    assert done.stdout.splitlines() == ["a\\x07", "b", place]
    assert done.stderr == "config     given: ['data.store']\n"
    assert saved == [Path(place)]
    assert required == [Path(place)]
    assert asked == {"data": None, "dataset": None, "store": "s", "alpha": 0.01, "set": {}}


@pytest.mark.usefixtures("redirecting")
def test_an_evaluation_is_asked_for_as_its_options_say(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Asked = {}
    report = {"figures": [1]}
    monkeypatch.setattr(
        "dfcore.api.evaluate.evaluate",
        lambda models, **how: how["progress"].say("told\x07") or asked.update(how) or SimpleNamespace(report=report),
    )
    done = run(
        evaluate.command, "a.pt", "--json", "--device", "cpu", "--no-plots", "--no-control", "--emulate", "x",
        "--emulate", "y", "--draws", 7, "--resume", "--store", "s",
    )  # fmt: skip
    assert done.stdout == json.dumps(report, indent=1) + "\n"
    assert done.stderr == "config     given: ['data.store']\ntold\\x07\n"
    del asked["progress"]
    assert asked == {
        **NO_PLACES, "store": "s", "split": "test", "set": {"run.device": "cpu"}, "operating_point": "equal_error",
        "control": False, "faithfulness": False, "draws": 7, "batch_size": 8, "force": False, "resume": True,
        "plots": False, "probe": "", "probe_weights": "", "emulate": ("x", "y"),
    }  # fmt: skip
    assert run(evaluate.command, "a.pt", "--json").exit_code == 0
    assert asked["set"] == {}


def test_evaluations_are_compared_as_a_table_or_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    found = SimpleNamespace(to_dict=lambda: {"rows": []})
    monkeypatch.setattr(
        "dfcore.assessment.output.cross.cross_table", lambda sources: found if sources == (Path("e"),) else None
    )
    monkeypatch.setattr(
        "dfcore.assessment.output.tables.cross_dataset_table", lambda one: "A [1] TABLE" if one is found else ""
    )
    monkeypatch.setattr("dfcore.api.evaluate.evaluate", lambda *_, **__: pytest.fail("it evaluated"))
    assert run(evaluate.command, "--compare", "e", "--json").stdout == json.dumps({"rows": []}, indent=1) + "\n"
    assert run(evaluate.command, "--compare", "e").stdout == "A [1] TABLE\n"


def test_an_export_is_printed_for_programs_or_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    made = SimpleNamespace(to_dict=lambda: {"path": "x"})
    monkeypatch.setattr("dfcore.inference.onnx.export.export", lambda weights, onnx: made if onnx is None else None)
    monkeypatch.setattr(export, "_lines", lambda found: ["a\x07"] if found is made else [])
    assert json.loads(run(export.command, "cm", "--json").stdout) == {"path": "x"}
    assert run(export.command, "cm").stdout == "a\\x07\n"


def test_stages_are_printed_for_programs() -> None:
    found = json.loads(run(stages.command, "--json").stdout)
    assert [one["number"] for one in found] == list(registry().stages())
    assert found[1]["lr"] == registry().stages()[1].lr


@pytest.mark.parametrize("check", [False, True])
def test_where_no_plugin_is_installed_it_says_how_to_install_one(check: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "discover", list)
    monkeypatch.setattr("dfcore.plugin_check.check_plugins", lambda known: {})
    said = run(plugins.command, *(["--check"] if check else [])).stdout
    assert said == "No plugins found. Install one, for example: pip install dfs-cm\n"


def test_the_columns_of_the_plugins_list(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = SimpleNamespace(name="cm", distribution="dfs-cm", version="1", module="dfs_cm")
    monkeypatch.setattr(plugins, "discover", lambda: [entry])
    monkeypatch.setattr("dfcore.plugin_check.check_plugins", lambda known: {"cm": ["odd\x07\nline"]})
    assert run(plugins.command).stdout.splitlines()[0].split() == ["name", "distribution", "version", "module"]
    checked = run(plugins.command, "--check", code=3)
    assert checked.stdout.splitlines()[0].split()[-1] == "state"
    assert checked.stderr == "\ncm: odd\\x07\nline\n"


class Opened:
    """A clip store: how many videos, what its index says is damaged, and what verifying finds."""

    def __init__(self, videos: int = 2, damaged: tuple[str, ...] = (), found: tuple[Any, ...] = (), unchecked: int = 0):
        self.videos, self.index = videos, SimpleNamespace(damaged=damaged)
        self.found = SimpleNamespace(
            damaged=found,
            videos=videos,
            arrays=1234,
            bytes=2048,
            unchecked=unchecked,
            to_dict=lambda: {"videos": videos},
        )
        self.told: list[Any] = []

    def __len__(self) -> int:
        return self.videos

    def verify(self, progress: Any) -> Any:
        self.told.append(progress)
        return self.found


ODD = SimpleNamespace(file="a\x07.npy", why="its checksum differs")


@pytest.mark.parametrize(
    ("opened", "code", "lines"),
    [
        (Opened(), 0, ["2 videos, 1,234 arrays, 2.0 KiB read.", "0 files damaged."]),
        (
            Opened(0, ("x",), (ODD,), 3),
            4,
            [
                "damaged  s/a\\x07.npy: its checksum differs", "0 videos, 1,234 arrays, 2.0 KiB read.",
                "3 files without checksums, of an earlier dfcore: nothing can be said of what is in them.",
                "1 file damaged; `dfcore prepare` with the same options makes it again.",
            ],
        ),
    ],
)  # fmt: skip
def test_a_store_is_verified(opened: Opened, code: int, lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from dfcore.console.progress import SILENT, TERMINAL

    Path("s").mkdir()
    monkeypatch.setattr("dfcore.data.store.clip_store.ClipStore", lambda path: opened)
    assert run(store.command, "verify", "s", code=code).stdout.splitlines() == lines
    assert json.loads(run(store.command, "verify", "s", "--json", code=code).stdout) == {"videos": opened.videos}
    assert opened.told == [TERMINAL, SILENT]


def test_what_is_no_store_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match=r"s does not exist\. Give a clip store"):
        run(store.command, "verify", "s")
    Path("s").write_text("")
    with pytest.raises(StoreError, match="s is a file, not a folder"):
        run(store.command, "verify", "s")
    Path("s").unlink()
    Path("s").mkdir()
    monkeypatch.setattr("dfcore.data.store.clip_store.ClipStore", lambda path: Opened(0))
    with pytest.raises(StoreError, match="s holds no prepared video"):
        run(store.command, "verify", "s")


def test_a_download_says_what_was_recognised_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    folders = [Path("got/b"), Path("got/dfdc_train_part_3")]
    for folder in folders:
        folder.mkdir(parents=True)
    Path("got/list.csv").touch()
    folders.append(Path("got/list.csv"))
    monkeypatch.setattr("dfcore.data.datasets.download.source_of", lambda spec, handle: (spec.name, handle))
    monkeypatch.setattr("dfcore.data.datasets.download.download", lambda *given: asked.append(given) or folders)
    looked: list[Path] = []
    monkeypatch.setattr(
        "dfcore.data.datasets.find.find_datasets",
        lambda top, specs: looked.append(top) or ([SimpleNamespace(root=top)] if top.name == "b" else []),
    )
    done = run(
        datasets.command, "download", "dfdc", "--from-kaggle", "o/n", "--part", 3, "--path", "list.csv", "--to", "got"
    )
    assert asked == [(("dfdc", "o/n"), ["list.csv", "dfdc_train_part_3"], Path("got"))]
    assert looked == [Path("got"), Path("got/b")]
    assert done.stdout.splitlines() == [
        *(f"downloaded to {folder}" for folder in folders),
        "DFDC in got/b: use it with --data got/b or DFCORE_DATASET_DFDC=got/b",
    ]
    folders[:] = [Path("got/dfdc_train_part_3")]
    said = run(datasets.command, "download", "dfdc", "--path", "dfdc_train_part_3").stdout.splitlines()
    assert said[1:] == ["DFDC is not recognised in it yet; archives have to be unpacked first."]
    with pytest.raises(UsageError, match=r"name it with --from-kaggle OWNER/NAME.*deepfake-detection-challenge"):
        run(datasets.command, "download", "dfdc", "--part", 3)


def test_pruning_says_first_what_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dfcore.runs.prune.in_use", lambda runs, stores: ["cm is in use\x07"])
    done = run(runs.command, "prune", "--dry-run")
    assert done.stderr == "cm is in use\\x07\n"
    assert done.stdout.startswith("There is nothing to delete.")


def test_the_doctor_tries_the_face_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Any] = []

    def detect(image: Any) -> list[Any]:
        looked.append((image.shape, image.dtype, image.max()))
        return []

    monkeypatch.setattr("dfcore.plugins.calls.construct", lambda *_: SimpleNamespace(detect=detect))
    assert list(doctor._detector().values()) == ["loads and runs"]
    assert looked == [((96, 96, 3), "uint8", 0)]


def test_the_doctor_lists_datasets_that_are_not_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    roots = {"faceforensics": tmp_path, "celebdf": tmp_path / "gone"}
    monkeypatch.setattr(doctor, "dataset_root", lambda spec: roots.get(spec.name))
    monkeypatch.setattr("dfcore.config.find_file", lambda: None)
    found = doctor._datasets()
    assert found["faceforensics"] == str(tmp_path)
    assert found["celebdf"] == f"{tmp_path / 'gone'} (missing)"
    assert found["dfdc"] == "not configured"
    assert found["configuration"] == "no dfcore.toml"
    assert "demo" not in found


def test_the_configurations_of_a_curriculum_are_shown_and_nothing_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Asked = {}
    monkeypatch.setattr(
        "dfcore.api.configure.configure_curriculum", lambda name, **how: asked.update(how, name=name) or ["one", "two"]
    )
    monkeypatch.setattr(training, "shown", lambda config: f"shown {config}")
    monkeypatch.setattr(training, "announce", lambda configs: pytest.fail("it trained"))
    done = run(
        training.command, "cm", "--show-config", "--from-scratch", "--seed", 4, "--out", "o", "--recipe", "record"
    )
    assert done.stdout == "shown one\nshown two\n"
    assert asked == {
        "name": "cm", "store": None, "out": "o", "recipe": "record",
        "set": {"stage.start": "scratch", "run.seed": 4},
    }  # fmt: skip
    with pytest.raises(UsageError, match="give one of them"):
        run(training.command, "cm", "--from", "a.pt", "--from-scratch")
    run(training.command, "cm", "--show-config", "--data", "d", "--from", "a.pt")
    assert asked["set"] == {"stage.start": "a.pt", "data.root": "d"}


@pytest.mark.parametrize("command", ["prepare", "train", "whole"])
def test_where_things_go_on_kaggle_is_said_before_anything_is_done(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    module = preparing if command == "prepare" else training
    monkeypatch.setattr("dfcore.api.configure.configure", lambda name, **how: name)
    monkeypatch.setattr("dfcore.api.configure.configure_curriculum", lambda name, **how: [name, "next"])
    monkeypatch.setattr(module, "announce", lambda configs: told.append(list(configs)))
    monkeypatch.setattr("dfcore.training.trainer.train", lambda *_, **__: told.append("done"))
    monkeypatch.setattr("dfcore.training.curriculum.train_curriculum", lambda *_, **__: told.append("done"))
    estimated = SimpleNamespace(sentences=lambda: told.append("done") or ["two hours"])
    monkeypatch.setattr("dfcore.api.prepare.estimate_store", lambda *_, **__: estimated)
    given = {"prepare": ["--estimate"], "train": ["--stage", 1], "whole": []}[command]
    done = run(module.command, "cm", *given)
    assert told == [["cm", "next"] if command == "whole" else ["cm"], "done"]
    assert done.stdout == ("two hours\n" if command == "prepare" else "")


def test_a_specialist_that_is_announced_only_is_said_to_be() -> None:
    spec = dataclasses.replace(
        registry().specialist("cm"), module="", summary="Sums it up.", evidence=(), augmentations=()
    )
    lines = describe._text(SpecialistInfo(spec, "dfs-cm", "1.2")).splitlines()
    assert lines[1] == "Sums it up."
    assert lines[-1] == "This release announces the specialist only; its cue module is not in it yet."
    assert "evidence      none" in lines
    assert "augmentations none" in lines
    whole = describe._text(SpecialistInfo(registry().specialist("cm"), "dfs-cm", "1.2"))
    assert "announces" not in whole


def test_an_empty_path_is_no_path() -> None:
    done = run(store.command, "verify", "", code=2)
    assert "the path is empty. Name a file or folder." in done.stderr
