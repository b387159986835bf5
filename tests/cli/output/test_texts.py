"""What commands print for people, by values that are known."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner

from dfcore.api.configure import configure
from dfcore.api.specialists import ModelInfo, SpecialistInfo
from dfcore.cli import describe, doctor, ensemble, evaluate, export, plugins, prepare, stages, train
from dfcore.cli.options import People
from dfcore.cli.output import announce
from dfcore.cli.output.explained import INDENT
from dfcore.cli.output.shown import shown
from dfcore.cli.output.verdicts import VerdictTable
from dfcore.config import override
from dfcore.inference.onnx.export import Exported
from dfcore.inference.results import FileResult, PersonResult, SpecialistScore
from dfcore.plugins import registry

COUNTS = {
    "total": 1_234_567,
    "backbone": 1_000_000,
    "trained_all": 1_234_567,
    "trained_norms": 4321,
    "trained_head": 89,
}
MODEL = ModelInfo("vit", 384, 224, 196, (14, 14), (0.5, 0.25, 0.125), (0.2, 0.3, 0.4), COUNTS)


def rows(text: str) -> dict[str, str]:
    """What stands behind the first word of each line."""
    return {first: rest.strip() for first, _, rest in (line.strip().partition(" ") for line in text.splitlines())}


def test_a_specialist_is_described_with_the_range_of_each_cues_channels() -> None:
    spec = registry().specialist("cm")
    lines = describe._text(SpecialistInfo(spec, "dfs-cm", "1.2")).splitlines()
    assert lines[0] == f"cm: {spec.title} (dfs-cm 1.2)"
    first, table = 0, [line.split() for line in lines]
    for cue in spec.cues:
        row = next(row for row in table if row[:1] == [cue.name])
        assert row[1:3] == [str(cue.channels), f"{first}-{first + cue.channels - 1}"]
        first += cue.channels
    said = rows("\n".join(lines))
    assert (said["channels"], said["features"]) == ("40", "1960  (40 x 7 x 7)")
    assert said["fused"] == "3752  (with efficientnet_b4)"
    assert said["frames"] == f"{spec.frames} a sample, clips of at least {spec.clip_frames}"
    assert said["label"] == "of      images"
    assert not {"backbone", "face", "normalised", "parameters"} & set(said)


def test_a_backbone_that_was_named_is_described_line_by_line() -> None:
    lines = describe._text(SpecialistInfo(registry().specialist("av"), "dfs-av", "1.2", MODEL)).splitlines()
    at = next(k for k, line in enumerate(lines) if line.startswith("fused"))
    assert lines[at].endswith("(with vit)")
    assert lines[at + 1 : at + 5] == [
        "backbone      384 features, of its own 14x14 cells",
        "face          224 px, resized to 196 px on the device",
        "normalised    mean 0.5, 0.25, 0.125; deviation 0.2, 0.3, 0.4",
        "parameters    1,234,567, 1,000,000 in the backbone; model.tune trains all 1,234,567, norms 4,321, head 89",
    ]
    assert "label of      images and audio: fake if either is" in lines
    plain = describe._model_lines(dataclasses.replace(MODEL, input_size=224, grid=None, mean=None))
    assert [line.split()[0] for line in plain] == ["backbone", "face", "parameters"]
    assert plain[:2] == ["backbone      384 features", "face          224 px"]


@pytest.mark.parametrize(("lacks", "ready"), [(None, "yes"), ("dataset", "no"), ("loss", "no")])
def test_a_stage_is_ready_where_its_dataset_and_its_loss_are_there(
    lacks: str | None, ready: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = registry().stages()[2]
    known = SimpleNamespace(
        stages=lambda: {2: stage},
        datasets=lambda: () if lacks == "dataset" else (stage.dataset,),
        components=lambda kind: () if lacks == kind else (stage.loss,),
    )
    monkeypatch.setattr("dfcore.plugins.registry", lambda: known)
    [*_, row] = CliRunner().invoke(stages.command, [], catch_exceptions=False).output.splitlines()
    assert row.split()[0] == "2"
    assert f"{{name}}_stage{stage.after}_final.pt" in row
    assert row.endswith({"yes": "yes", "no": "not in this release"}[ready])


def test_what_an_export_reads_and_gives_is_listed() -> None:
    reads, gives = (
        {"face": "float32 [batch, 3, 224, 224]", "tiles": "uint8 [batch, 9]"},
        {"logits": "float32 [batch, 2]"},
    )
    made = Exported(Path("cm.onnx"), "cm", "ab", 18, reads, gives, 1.5e-5, ("a batch of 2", "noise"), calibrated=True)
    lines = [
        "cm.onnx  cm, ONNX opset 18",
        "  reads  face           float32 [batch, 3, 224, 224]",
        "  reads  tiles          uint8 [batch, 9]",
        "  gives  logits         float32 [batch, 2]",
        "  logits differ from PyTorch's by 1.5e-05 at most, on a batch of 2, noise",
        "  the calibration beside the weights is in its metadata",
    ]
    assert export._lines(made) == lines
    assert export._lines(dataclasses.replace(made, calibrated=False)) == [*lines[:-1], "  not calibrated"]


def test_what_an_ensemble_learnt_is_listed() -> None:
    fit = SimpleNamespace(members=("av", "compress"), weights=(0.25, 1.5), offset=-0.125, n_real=30, n_fake=40)
    learnt: Any = SimpleNamespace(
        validation={
            "compress": {"auc": 0.9126, "low": 0.8, "high": 0.95, "log_loss": 0.4321, "videos": 70},
            "av": {"auc": None, "low": None, "high": None, "log_loss": None, "videos": None},
        },
        left_out={"bg": "it judged no video"},
        fusion=SimpleNamespace(kind="stacking", reason="it is better", fits=(fit,)),
        rules=SimpleNamespace(summary=lambda: "by a rule"),
    )
    assert ensemble._lines(learnt) == [
        "          AUC                    log-loss  judged",
        "compress  0.913 (0.800 to 0.950)    0.432      70",
        "av        undefined                             0",
        "left out: bg, because it judged no video.",
        "fusion: stacking; it is better",
        "  av 0.25, compress 1.50, offset -0.12 (by 30 real and 40 fake videos)",
        "verdicts: by a rule",
    ]


@pytest.mark.parametrize(("rank", "shown"), [("0", True), ("1", False)])
def test_the_files_of_an_evaluation_are_named_by_the_first_process(
    rank: str, shown: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setattr("dfcore.assessment.output.tables.report_tables", lambda report: [report["table"]])
    found: Any = SimpleNamespace(report={"table": "A TABLE"}, json="r.json", csv="s.csv", plots=["a\x07.png", "b.png"])
    evaluate._show(found, as_json=False)
    lines = ["A TABLE", "report     r.json", "scores     s.csv", "plot       a\\x07.png", "plot       b.png"]
    assert capsys.readouterr().out.splitlines() == (lines if shown else [])


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("problems", [{}, {"cm": []}, {"cm": ["it has no face"]}])
def test_a_check_of_the_plugins_exits_with_three_where_one_has_a_problem(
    problems: dict[str, list[str]], as_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dfcore.plugin_check.check_plugins", lambda known: problems)
    done = CliRunner().invoke(plugins.command, ["--check", *(["--json"] if as_json else [])])
    broken = bool(problems.get("cm"))
    assert done.exit_code == (3 if broken else 0)
    assert ("it has no face" in done.output) == broken
    assert done.output.count("broken") == broken
    assert done.output.count("ok") >= 4


@pytest.mark.parametrize(
    ("value", "number"), [("all", "all"), ("1", 1), ("12", 12), ("0", None), ("-1", None), ("x", None)]
)
def test_a_person_is_a_number_from_1_or_all(value: str, number: int | str | None) -> None:
    if number is None:
        with pytest.raises(click.BadParameter, match="neither a number from 1 nor 'all'"):
            People().convert(value, None, None)
    else:
        assert People().convert(value, None, None) == number


def test_a_column_is_as_wide_as_its_label_and_six_at_least(capsys: pytest.CaptureFixture[str]) -> None:
    scores = {"cm": SpecialistScore(0.25), "compression": SpecialistScore(0.5)}
    person = PersonResult(0, "fake", 0.7, 1.0, 0.9, 2.0, "", scores, 0, 0.0, (0, 0, 1, 1))
    with VerdictTable(["cm", "compression"]) as table:
        table.show(FileResult(Path("x.mp4"), "fake", people=(person,), person=0, people_seen=1))
    assert capsys.readouterr().out.splitlines() == [
        "verdict        cm  compression   score   prob.   person  file",
        "fake        0.250        0.500   0.700   0.900      1/1  x.mp4",
    ]


@pytest.mark.parametrize(
    ("count", "more"), [(20, ""), (21, "  ... and 1 more, in store/failed.jsonl"), (25, "and 5 more")]
)
def test_twenty_failures_are_listed_and_the_others_counted(
    count: int, more: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dfcore.data.prepare.videos import PrepareReport
    from dfcore.data.store.index import Failure
    from dfcore.training.inputs.prepare import Prepared

    for name in ("real/a.mp4", "fake/b.mp4"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    failures = [Failure(str(k), f"v{k}.mp4", "no face found.") for k in range(count)]
    found = Prepared((), Path("store"), PrepareReport(0, 0, failures))
    monkeypatch.setattr("dfcore.training.inputs.prepare.prepare_data", lambda *args, **how: found)
    done = CliRunner().invoke(prepare.command, ["cm", "--dataset", "folder", "--data", str(tmp_path)])
    assert done.exit_code == 4, done.output  # nothing can be used
    assert done.output.count("no face found.") == 20
    assert ("more, in" in done.output) == bool(more)
    assert more in done.output


def test_the_doctor_tells_a_section_that_fails_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> dict[str, Any]:
        raise OSError("no such codec")

    for name in ("_versions", "_training", "_detector", "_plugins", "_datasets"):
        monkeypatch.setattr(doctor, name, lambda name=name: {"section": name})
    monkeypatch.setattr(doctor, "_decoding", lambda: {"libavcodec": "62.1"})
    well = CliRunner().invoke(doctor.command, [])
    assert well.exit_code == 0, well.output
    assert "  section          _datasets" in well.output
    monkeypatch.setattr(doctor, "_decoding", fails)
    ill = CliRunner().invoke(doctor.command, [])
    assert ill.exit_code == 1
    assert "  problem          OSError: no such codec" in ill.output
    assert "  section          _datasets" in ill.output


def test_the_doctor_names_codecs_that_are_there_and_those_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import av.codec

    every = {"h264", "hevc", "vp8", "vp9", "av1", "mpeg1video", "mpeg4", "mjpeg", "aac", "libx264"}
    monkeypatch.setattr(av.codec, "codecs_available", every | {"other"})
    assert set(doctor._decoding()) == {"libavcodec", "codecs"}
    monkeypatch.setattr(av.codec, "codecs_available", every - {"av1", "aac"})
    found = doctor._decoding()
    assert found["missing"] == "av1, aac"
    assert found["codecs"] == "h264, hevc, vp8, vp9, mpeg1video, mpeg4, mjpeg, libx264"
    assert found["libavcodec"].count(".") == 2


def test_a_configuration_is_shown_in_its_own_letters_and_marked_where_a_recipe_set_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = {"stage.chunks": ["a", "b"], "stage.lr": 0.5, "stage.loss": "focal"}
    monkeypatch.setattr(type(registry()), "recipe", lambda self, name: SimpleNamespace(values=recipe))
    given = {"run.out": f"{tmp_path}/\u540d\U0001f600", "stage.chunks": ["a", "b"], "stage.lr": 0.25}
    config = override(configure("cm", data="demo"), {**given, "stage.loss": "focal", "run.recipe": "mine"})
    text = shown(config)
    lines = text.splitlines()
    assert lines[:2] == [f"# cm, stage {config.stage.number}", "[set]"]
    assert f'"run.out" = "{tmp_path}/\u540d\U0001f600"' in lines
    assert '"stage.chunks" = ["a", "b"]  # recipe mine' in lines
    assert '"stage.lr" = 0.25  # in place of 0.5 of recipe mine' in lines
    assert '"stage.loss" = "focal"  # recipe mine' in lines
    assert tomllib.loads(text)["set"]["run.out"] == f"{tmp_path}/\u540d\U0001f600"


@pytest.mark.parametrize(("store", "where"), [("clips", "clips"), ("", "runs")])
def test_the_space_that_is_told_is_that_of_the_clips_own_disk(
    store: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "free_space", lambda path: SimpleNamespace(free=2.5e9, where=path))
    config = override(configure("cm", data="demo"), {"run.out": "runs", "data.store": store})
    assert announce._scratch_space([config]) == f"2.5 GB for clips in {where}"


def test_an_explanation_stands_under_the_scores_of_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    """A verdict's column and the gap behind it are as wide as the indent."""
    with VerdictTable(["cm"]):
        pass
    assert capsys.readouterr().out.index("    cm") == len(INDENT)


@pytest.mark.parametrize(
    ("given", "models"),
    [([], "runs"), (["--out", "mine"], "mine"), (["a.pt", "b.pt", "--out", "mine"], "a.pt b.pt")],
)
def test_an_evaluation_takes_the_models_that_are_named_else_the_folder_of_runs(
    given: list[str], models: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("dfcore.api.evaluate.evaluate", lambda models, **how: asked.append(models))
    monkeypatch.setattr(evaluate, "_show", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    for name in ("a.pt", "b.pt"):
        Path(name).touch()
    done = CliRunner().invoke(evaluate.command, given, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert [" ".join(map(str, one)) for one in asked] == [models]  # type: ignore[call-overload]


@pytest.mark.parametrize("given", [["--stage", "2"], ["--set", "stage.number=2"], []])
def test_one_stage_is_trained_where_one_is_named_and_all_where_none_is(
    given: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("faceforensics", "celebdf", "fakeavceleb", "dfdc"):
        monkeypatch.setenv(f"DFCORE_DATASET_{name.upper()}", str(tmp_path))
    asked: list[object] = []
    monkeypatch.setattr("dfcore.training.trainer.train", lambda config, **how: asked.append(config.stage.number))
    monkeypatch.setattr(
        "dfcore.training.curriculum.train_curriculum",
        lambda configs, **how: asked.append([config.stage.number for config in configs]),
    )
    data = ["--data", str(tmp_path), "--dataset", "folder"] if given else []
    done = CliRunner().invoke(train.command, ["cm", *given, *data], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert asked == ([2] if given else [[1, 2, 4]])


def test_the_doctor_says_how_plugins_are_installed_where_none_is(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = SimpleNamespace(name="cm", distribution="dfs-cm", version="1.2")
    for entries, broken, found in (
        ([], {}, {"none": "install one, for example: pip install dfs-cm"}),
        ([entry], {}, {"cm": "dfs-cm 1.2, ok"}),
        ([entry], {"cm": "no torch"}, {"cm": "dfs-cm 1.2, broken: no torch"}),
    ):
        known = SimpleNamespace(entries=entries, load_all=lambda broken=broken: broken)
        monkeypatch.setattr("dfcore.plugins.registry", lambda known=known: known)
        assert doctor._plugins() == found


def test_what_was_exported_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Exported(Path("a\x07.onnx"), "cm", "ab", 18, {}, {}, 0.0, ("noise",), calibrated=False)
    monkeypatch.setattr("dfcore.inference.onnx.export.export", lambda weights, onnx: made)
    done = CliRunner().invoke(export.command, ["cm"], catch_exceptions=False)
    assert done.output.splitlines()[0] == "a\\x07.onnx  cm, ONNX opset 18"
    assert len(done.output.splitlines()) == 3
