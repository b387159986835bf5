from __future__ import annotations

import json
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from dfcore.models.files.weights import read_final, read_zip
from dfcore.runs.folder import read_lines
from dfcore.runs.ranking import best_epochs, rank_key
from dfcore.text import duration
from dfcore.training.callbacks.early_stop import EarlyStop
from dfcore.training.callbacks.metrics_log import MetricsLog
from dfcore.training.callbacks.progress import epoch_line
from dfcore.training.protocols import BaseCallback, Callback

SCORES = [0.6, 0.9, 0.7, 0.9, 0.5]


def history(values: list[float | None], losses: list[float] | None = None) -> list[dict[str, Any]]:
    losses = losses or [0.5] * len(values)
    return [
        {"epoch": i + 1, "val": {"video_auc": value, "frame_auc": value, "loss": loss}}
        for i, (value, loss) in enumerate(zip(values, losses, strict=True))
    ]


def test_the_lowest_calibrated_loss_is_best_and_a_lucky_auc_is_not() -> None:
    lines = history([0.95, 0.90, 0.90, None], [0.4, 0.6, 0.5, 0.1])
    for line, loss in zip(lines, [0.45, 0.40, 0.40, None], strict=True):
        line["val"]["calibrated_loss"] = loss
    assert best_epochs(lines, 4) == [3, 2, 1, 4]  # of 2 and 3, which tie twice, the lower loss


def test_where_an_epoch_has_no_calibrated_loss_none_is_used() -> None:
    lines = history([0.6, 0.9, 0.7])
    lines[0]["val"]["calibrated_loss"] = 0.1
    assert best_epochs(lines, 3) == [2, 3, 1]


def test_what_is_not_among_the_best_never_comes_back() -> None:
    lines = history([0.8, 0.85, 0.9, 0.7, 0.95])
    for line, loss in zip(lines, [0.5, 0.6, 0.4, 0.7, 0.45], strict=True):
        line["val"]["calibrated_loss"] = loss
    for count in (1, 2):
        gone: set[int] = set()
        for length in range(1, 6):
            best = best_epochs(lines[:length], count)
            assert not gone & set(best)
            gone |= set(range(1, length + 1)) - set(best)


def test_best_epochs_in_order_and_the_earliest_of_equals() -> None:
    assert best_epochs(history(list(SCORES)), 5) == [2, 4, 3, 1, 5]
    assert best_epochs(history(list(SCORES)), 2) == [2, 4]
    assert best_epochs(history([None, None, None], [0.5, 0.3, 0.4]), 1) == [2]
    assert best_epochs([{"epoch": 1, "val": {}}, {"epoch": 2, "val": {}}], 1) == [2]


def test_rank_key_orders_by_video_then_frame_then_loss() -> None:
    assert rank_key({"calibrated_loss": 0.3}) > rank_key({"calibrated_loss": 0.4, "video_auc": 1.0})

    def key(video: float | None, frame: float | None, loss: float) -> tuple[float, ...]:
        return rank_key({"video_auc": video, "frame_auc": frame, "loss": loss})

    assert key(0.9, 0.1, 9.0) > key(0.8, 0.9, 0.1)
    assert key(0.9, 0.6, 9.0) > key(0.9, 0.5, 0.1)
    assert key(0.9, 0.5, 0.1) > key(0.9, 0.5, 0.2)
    assert key(None, None, 0.1) > key(None, None, 0.2)
    assert key(0.0, 0.0, 9.0) > key(None, None, 0.1)


class Score(BaseCallback):
    """Stands in for validation: sets each epoch's AUC before the other callbacks see it."""

    def __init__(self, scores: list[float]) -> None:
        self.scores = scores
        self.weights: dict[int, torch.Tensor] = {}

    def on_epoch(self, run: Any) -> None:
        val = run.history[-1]["val"]
        score = self.scores[run.epoch - 1]
        val |= {"calibrated_loss": 1 - score, "video_auc": score, "frame_auc": 0.5, "loss": 0.7}
        self.weights[run.epoch] = run.model.state_dict()["cue_head.weight"].clone()


def run_scored(tiny: ModuleType, out: Path, scores: list[float], **values: Any) -> tuple[Any, Score]:
    score = Score(scores)
    config = tiny.tiny_config(out, stage__epochs=len(scores), run__save_every=0, **values)
    return tiny.tiny_run(config, first=(score,)), score


def test_the_best_epochs_are_kept_and_the_final_weights_are_the_best(tiny: ModuleType, tmp_path: Path) -> None:
    result, score = run_scored(tiny, tmp_path, SCORES, run__keep=2)
    assert [path.name for path in sorted(result.folder.glob("*.zip"))] == [
        "tiny_stage1_epoch02.zip",
        "tiny_stage1_epoch04.zip",
    ]
    assert result.best_epoch == 2
    final = read_final(result.final)
    assert torch.equal(final["state_dict"]["cue_head.weight"], score.weights[2])
    assert (final["epoch"], final["stage"], final["metrics"]["video_auc"]) == (2, 1, 0.9)
    assert final["config"]["stage"]["epochs"] == 5
    assert torch.load(result.final, weights_only=True)["specialist"] == "tiny"
    state, meta = read_zip(result.folder / "tiny_stage1_epoch04.zip")
    assert torch.equal(state["cue_head.weight"], score.weights[4])
    assert meta["epoch"] == 4
    assert zipfile.ZipFile(result.folder / "tiny_stage1_epoch04.zip").testzip() is None


class Heard(BaseCallback):
    """Each chunk has ten videos; of the first one has audio, of the second two."""

    def on_epoch(self, run: Any) -> None:
        chunk = (run.epoch + 1) // 2
        run.history[-1] |= {"data": f"chunk {chunk}", "audio": {"videos": 10, "with_audio": chunk}}


def test_the_weights_say_what_share_had_audio(tiny: ModuleType, tmp_path: Path) -> None:
    config = tiny.tiny_config(tmp_path, stage__epochs=4, run__save_every=0, run__keep=4)
    result = tiny.tiny_run(config, first=(Score([0.6, 0.9, 0.7, 0.8]), Heard()))
    assert read_final(result.final)["audio"] == {"videos": 10, "with_audio": 1, "share": 0.1}  # of the second epoch
    _, meta = read_zip(result.folder / "tiny_stage1_epoch04.zip")
    assert meta["audio"] == {"videos": 20, "with_audio": 3, "share": 0.15}
    assert "audio" not in read_final(run_scored(tiny, tmp_path / "silent", [0.5])[0].final)


def test_keep_nothing_still_keeps_the_best(tiny: ModuleType, tmp_path: Path) -> None:
    result, _ = run_scored(tiny, tmp_path, [0.6, 0.5], run__keep=0)
    assert result.best_epoch == 1
    assert len(list(result.folder.glob("*.zip"))) == 1


def test_early_stop(tiny: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result, score = run_scored(tiny, tmp_path, [0.6, 0.9, 0.7, 0.9, 0.95], run__patience=2)
    assert list(score.weights) == [1, 2, 3, 4]  # 3 and 4 are not better than 2
    assert result.best_epoch == 2
    said = capsys.readouterr().out
    assert "stopped early: no epoch since epoch 2 was better" in said
    assert "best epoch 2 of 4: lowest calibrated loss 0.100, validation AUC 0.900 per video, 0.500 per frame" in said
    for what in (f"plot       {result.plot}", f"weights    {result.final}", "calibration  "):
        assert what in said
    assert json.loads((result.folder / "summary.json").read_text())["stopped"]


def test_no_patience_never_stops() -> None:
    run = SimpleNamespace(
        config=SimpleNamespace(run=SimpleNamespace(patience=0)), history=history([0.9, 0.1, 0.1]), epoch=3, stop=""
    )
    EarlyStop().on_epoch(run)  # type: ignore[arg-type]
    assert run.stop == ""


def test_metrics_lines_are_few_and_hold_the_mean_since_the_last(tmp_path: Path) -> None:
    folder = SimpleNamespace(metrics=tmp_path / "metrics.jsonl")
    run = SimpleNamespace(
        folder=folder,
        world=SimpleNamespace(on_main=lambda action: action()),
        plan=SimpleNamespace(steps_in=lambda epoch: 150),
        check_lock=lambda: None,
        epoch=0,
        lr=0.1,
    )
    log = MetricsLog()
    for step in range(1, 8):
        if step == 5:  # a resume between two lines
            state, log = log.state_dict(), MetricsLog()
            log.load_state_dict(state)
        run.step, run.last_loss = step, torch.tensor(float(step))
        log.on_step(run)  # type: ignore[arg-type]
    assert [(line["step"], line["loss"]) for line in read_lines(folder.metrics)] == [(3, 2.0), (6, 5.0)]


def test_a_line_cut_short_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    assert read_lines(path) == []
    path.write_text('{"kind": "train", "step": 1}\n{"kind": "tra')
    assert read_lines(path) == [{"kind": "train", "step": 1}]


@pytest.mark.usefixtures("drawing")
def test_the_plot_is_drawn(tiny: ModuleType, tmp_path: Path) -> None:
    result = tiny.tiny_run(tiny.tiny_config(tmp_path, stage__epochs=1))
    assert result.plot == result.folder / "curves.png"
    assert Image.open(result.plot).width > 1000


def test_epoch_line_for_people() -> None:
    val = {
        "loss": 0.48,
        "video_auc": 0.91,
        "frame_auc": None,
        "cue_video_auc": 0.5,
        "frame_real_accuracy": 1.0,
        "frame_fake_accuracy": 0.25,
    }
    line = {"epoch": 2, "train": {"loss": 0.51}, "val": val, "seconds": 200.0}
    text = epoch_line(line, 6)
    assert text.startswith("epoch 2/6  loss 0.5100 (val 0.4800)")
    assert "video 0.910, frame n/a, cue 0.500" in text
    assert text.endswith("3 min 20 s")
    assert "val" not in epoch_line({**line, "val": {}}, 6)
    assert "judged" not in text
    assert "  judged 80%  " in epoch_line({**line, "val": {**val, "coverage": 0.8}}, 6)
    assert [duration(s) for s in (0.2, 59, 61, 7500)] == ["1 s", "59 s", "1 min 01 s", "2 h 05 min"]


def test_every_shipped_callback_follows_the_protocol(tiny: ModuleType) -> None:
    for kind in (MetricsLog, EarlyStop, tiny.Checkpoints, tiny.Progress, BaseCallback):
        assert isinstance(kind(), Callback)
