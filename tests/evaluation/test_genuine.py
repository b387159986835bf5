"""What genuine videos look like: fitted, stored beside the weights, bound to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from plain_specialist import CHANNELS, SPEC, plain

from dfcore.errors import CheckpointError, PluginError
from dfcore.evaluation.genuine import (
    GenuineStatistics,
    GenuineTally,
    GenuineVideo,
    cue_slices,
    genuine_path,
)
from dfcore.models.findings import Trace, measured


def video(value: float, **numbers: float) -> GenuineVideo:
    return GenuineVideo(
        np.full((CHANNELS, 7, 7), value, np.float32), {name: (one - 1, one + 1) for name, one in numbers.items()}
    )


def fitted(videos: list[GenuineVideo]) -> GenuineStatistics:
    found = GenuineStatistics.fit(videos, SPEC, stage=1, weights="abc", dataset="made")
    assert found is not None
    return found


def test_mean_deviation_and_numbers_are_those_of_the_videos() -> None:
    found = fitted([video(1.0, delay_ms=0.0), video(2.0, delay_ms=40.0), video(3.0)])
    assert found.videos == 3
    assert np.all(found.mean == 2.0)
    assert np.all(found.sd == 1.0)
    number = found.numbers["delay_ms"]
    assert (number.mean, number.videos) == (20.0, 2)
    assert number.sd == pytest.approx(28.284, abs=1e-3)
    assert number.deviation(20.0 + number.sd) == pytest.approx(1.0)
    assert number.moment_sd == number.sd  # samples scatter less than the videos here: never below
    assert (number.moment_low, number.moment_high) == pytest.approx((-1, 41), abs=0.1)
    assert found.deviations(np.full((CHANNELS, 7, 7), 4.0, np.float32)) == pytest.approx(np.full((CHANNELS, 7, 7), 2.0))


def test_too_few_videos_have_no_statistics() -> None:
    assert GenuineStatistics.fit([video(1.0)], SPEC, stage=1, weights="a", dataset="") is None
    assert fitted([video(1.0), video(2.0)]).usual == {}


def test_a_cell_that_never_varied_does_not_make_everything_odd() -> None:
    videos = [video(value) for value in (0.0, 1.0, 2.0)]
    for one in videos:
        one.cue_map[0, 3, 3] = 5.0
    assert fitted(videos).sd[0, 3, 3] == pytest.approx(0.05, rel=0.05)


def test_usual_is_what_most_genuine_videos_stay_below_each_against_the_others() -> None:
    rng = np.random.default_rng(0)
    videos = [GenuineVideo(rng.normal(size=(CHANNELS, 7, 7)).astype(np.float32)) for _ in range(60)]
    usual = fitted(videos).usual
    assert set(usual) == {"speaks", "silent"}
    assert all(1.0 < value < 1.3 for value in usual.values())  # root mean squares of 98 normal values


def test_a_file_gives_back_what_was_written_and_the_same_bytes_twice(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    videos = [GenuineVideo(rng.normal(size=(CHANNELS, 7, 7)).astype(np.float32), {"x": [float(k)]}) for k in range(9)]
    found, path = fitted(videos), tmp_path / "a.json"
    found.write(path)
    again = GenuineStatistics.read(path, SPEC, "abc")
    np.testing.assert_allclose(again.mean, found.mean, rtol=1e-5)
    np.testing.assert_allclose(again.sd, found.sd, rtol=1e-5)
    assert again.numbers["x"].sd == pytest.approx(2.73861, abs=1e-5)
    assert (again.numbers["x"].low, again.numbers["x"].videos) == (0.08, 9)
    again.write(tmp_path / "b.json")
    assert path.read_bytes() == (tmp_path / "b.json").read_bytes()


def test_statistics_of_other_weights_or_another_map_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    fitted([video(1.0), video(2.0)]).write(path)
    with pytest.raises(CheckpointError, match=r"belongs to other weights.*dfcore calibrate"):
        GenuineStatistics.read(path, SPEC, "def")
    text = path.read_text()
    path.write_text(text.replace('"mean": [[[1.5', '"mean": [[["1.5"', 1))
    with pytest.raises(CheckpointError, match="no statistics of genuine videos"):
        GenuineStatistics.read(path, SPEC)
    path.write_text(text.replace('"sd": [[[0.707107', '"sd": [[[0', 1))
    with pytest.raises(CheckpointError, match="not above 0"):
        GenuineStatistics.read(path, SPEC)


def test_the_file_lies_beside_the_weights_as_the_calibration_does() -> None:
    assert genuine_path(Path("runs/cm_stage1_final.pt")) == Path("runs/cm_stage1_genuine.json")
    assert genuine_path(Path("cm_stage1_epoch03.zip")) == Path("cm_stage1_epoch03_genuine.json")


def test_cues_follow_each_other_in_the_map() -> None:
    assert cue_slices(SPEC.cues) == {"speaks": slice(0, 2), "silent": slice(2, 4)}


def test_samples_of_a_video_are_averaged_and_those_that_it_abstains_from_left_out() -> None:
    tally, views = GenuineTally(plain()), {"tiles": torch.zeros(2)}
    maps = torch.stack([torch.full((CHANNELS, 7, 7), value) for value in (1.0, 9.0)])
    tally.add("a", views, maps, np.array([True, False]))
    tally.add("a", views, maps + 2, np.array([True, False]))
    tally.add("b", views, maps, np.array([False, False]))
    (name, found), *rest = tally.videos().items()
    assert (name, rest) == ("a", [])
    assert np.all(found.cue_map == 2.0)


class Forgets:
    """A finding that does not measure what it announces."""

    traces = (Trace("promised", "high"),)

    def measure(self, views: object, cue_module: object) -> dict[str, torch.Tensor]:
        return {}


class Gives:
    """A finding that gives a weight of the module itself, and a number that nobody announced."""

    traces = (Trace("weight", "high"),)

    def measure(self, views: object, cue_module: object) -> dict[str, torch.Tensor]:
        weight = torch.nn.Parameter(torch.tensor([0.5, 2.0], dtype=torch.float64))
        return {"other": torch.zeros(2), "weight": weight}


def test_what_a_finding_measures_comes_as_numbers_and_only_what_it_announces() -> None:
    found = measured(plain(spec=replace(SPEC, name="gives", finding=f"{__name__}:Gives")), {})
    assert {name: values.tolist() for name, values in found.items()} == {"weight": [0.5, 2.0]}
    assert found["weight"].dtype == np.float64
    assert measured(plain(), {}) == {}


def test_a_finding_that_leaves_a_number_out_is_its_plugins_fault() -> None:
    model = plain(spec=replace(SPEC, name="forgets", finding=f"{__name__}:Forgets"))
    with pytest.raises(PluginError, match="promised"):
        measured(model, {})


def test_the_floor_of_a_cell_is_a_twentieth_of_its_channels_root_mean_square_deviation() -> None:
    videos = [video(20.0 * k) for k in range(3)]
    for one in videos:
        one.cue_map[0, 3, 3] = 5.0
    sd = fitted(videos).sd
    assert sd[0, 3, 3] == pytest.approx(0.05 * 20 * (48 / 49) ** 0.5, rel=1e-5)
    assert (sd[0, 0, 0], sd[1, 3, 3]) == pytest.approx((20, 20))


def test_numbers_range_over_all_but_a_hundredth_on_each_side() -> None:
    videos = [GenuineVideo(np.zeros((CHANNELS, 7, 7), np.float32), {"x": [k - 10.0, k + 10.0]}) for k in range(101)]
    found = fitted(videos).numbers["x"]
    assert (found.mean, found.low, found.high, found.videos) == pytest.approx((50, 1, 99, 101))
    assert (found.moment_low, found.moment_high) == pytest.approx((-7.99, 107.99))  # of 202 samples from -10 to 110
    assert (found.sd, found.moment_sd) == pytest.approx((29.3002, 30.8987), abs=1e-3)
    assert (found.deviation(50 + 2 * found.sd), found.moment_deviation(50 - found.moment_sd)) == pytest.approx((2, -1))


def test_a_number_that_never_varied_has_a_deviation_of_a_thousandth_of_it() -> None:
    for value in (50.0, -50.0):
        found = fitted([GenuineVideo(np.zeros((CHANNELS, 7, 7), np.float32), {"x": [value]})] * 3).numbers["x"]
        assert (found.sd, found.moment_sd) == pytest.approx((0.050001, 0.050001))


def test_a_number_without_a_deviation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    fitted([video(1.0, x=0.0), video(2.0, x=40.0)]).write(path)
    for name in ("sd", "moment_sd"):
        text = path.read_text()
        assert f'"{name}": 28.2843' in text
        path.write_text(text.replace(f'"{name}": 28.2843', f'"{name}": 0.0'))
        with pytest.raises(CheckpointError, match="not above 0"):
            GenuineStatistics.read(path, SPEC)
        path.write_text(text)
    assert GenuineStatistics.read(path, SPEC).numbers["x"].videos == 2
