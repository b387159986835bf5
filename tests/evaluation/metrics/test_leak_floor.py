from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from dfcore.errors import DataError
from dfcore.evaluation.metrics.intervals import Interval
from dfcore.evaluation.metrics.leak_floor import NEAR, _encode, leak_floor, leak_warning


def files(n: int = 120, seed: int = 0) -> tuple[np.ndarray, dict[str, Sequence]]:
    """Labels, and properties that know nothing of them."""
    random = np.random.default_rng(seed)
    return np.arange(n) % 2, {
        "fps": random.choice([25.0, 29.97, 30.0], n).tolist(),
        "duration": random.gamma(2, 5, n).tolist(),
        "codec": random.choice(["h264", "hevc"], n).tolist(),
    }


def test_properties_that_know_nothing_give_an_auc_about_one_half() -> None:
    found = [leak_floor(*files(seed=seed), draws=50).auc.value for seed in range(8)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize(
    ("name", "real", "fake"),
    [("bit_rate", 1e5, 4e6), ("codec", "h264", "hevc"), ("width", 640, 1280), ("face_size", 90.0, None)],
)
def test_a_property_that_tells_is_found(name: str, real: object, fake: object) -> None:
    label, columns = files()
    told = np.random.default_rng(1).random(120) < 0.9
    columns[name] = [(fake if y else real) if t else (real if y else fake) for y, t in zip(label, told, strict=True)]
    found = leak_floor(label, columns)
    assert found.auc.value > 0.8
    assert found.auc.low > 0.7
    assert name in found.columns
    assert (found.n_real, found.n_fake) == (60, 60)
    json.dumps(found.to_dict(), allow_nan=False)


def test_no_identity_is_in_both_parts_of_a_fold() -> None:
    # Twelve people of ten videos each, told apart by a code: only one who knows the person knows the label.
    person = np.repeat(np.arange(24), 10)
    label = np.random.default_rng(0).permutation(np.arange(24) % 2)[person]
    columns = {"codec": [f"codec {p}" for p in person]}
    assert leak_floor(label, columns, draws=50).auc.value > 0.99
    assert leak_floor(label, columns, person, draws=50).auc.value < 0.6


def test_constant_and_unknown_columns_are_named_and_left_out() -> None:
    label, columns = files()
    columns |= {"height": [720] * 120, "bit_rate": [None] * 120, "face_size": [float("nan")] * 120}
    columns["codec"] = ["h264"] * 120
    found = leak_floor(label, columns, draws=50)
    assert found.columns == ("fps", "duration")
    assert set(found.dropped) == {"height", "bit_rate", "face_size", "codec"}
    assert found.dropped["bit_rate"] == "not known for any video"
    assert found.dropped["height"] == "no value that some, not all, videos share"
    same = leak_floor(label, {"height": [720] * 120})
    assert same.auc.value is None
    assert same.auc.reason == "no property differs between the videos"


def test_some_missing_values_do_not_stop_it() -> None:
    label, columns = files()
    columns["bit_rate"] = [None if i % 5 == 0 else 1e5 * (1 + 9 * y) for i, y in enumerate(label)]
    columns["codec"] = [None, *columns["codec"][1:]]
    columns["width"] = [0, -5, *range(118)]
    assert leak_floor(label, columns).auc.value > 0.85


def test_too_few_videos_or_identities_give_a_reason() -> None:
    label, columns = files(18)
    assert "9 real and 9 fake videos" in leak_floor(label, columns).auc.reason
    label, columns = files()
    found = leak_floor(label, columns, ["one"] * 120)
    assert found.auc.value is None
    assert "by identity" in found.auc.reason


def test_the_same_seed_gives_the_same_floor() -> None:
    assert leak_floor(*files(), seed=3) == leak_floor(*files(), seed=3)


def test_columns_that_cannot_be_used_are_refused() -> None:
    label, _ = files()
    with pytest.raises(DataError, match="'fps' has 2 values for 120 videos"):
        leak_floor(label, {"fps": [1, 2]})
    with pytest.raises(DataError, match="both words and numbers"):
        leak_floor(label, {"codec": ["h264", 3] * 60})
    with pytest.raises(DataError, match="infinite"):
        leak_floor(label, {"fps": [float("inf"), 3.0] * 60})


def test_a_warning_is_given_where_the_figure_is_not_clear_of_the_floor() -> None:
    floor = Interval(0.70, 0.6, 0.8)
    assert leak_warning(Interval(0.9, 0.8, 0.95), floor) is None
    close = leak_warning(Interval(0.75, 0.69, 0.85), floor)
    assert "AUC 0.750 (0.690 to 0.850) is not clearly above" in close
    assert "0.700" in close
    assert "background cells" in leak_warning(Interval(0.6, None, None), floor, "background cells")
    assert leak_warning(Interval(0.76, None, None), floor) is None
    assert leak_warning(Interval(0.74, 0.72, 0.76), floor)  # clear of it, and yet near
    assert leak_warning(Interval(0.6, 0.48, 0.7), Interval(0.44, 0.3, 0.5))  # a floor below chance is chance
    assert leak_warning(Interval(None, None, None), floor) is None
    assert leak_warning(Interval(0.5, 0.4, 0.6), Interval(None, None, None)) is None


def test_each_property_alone_is_told_with_its_auc_in_the_better_direction() -> None:
    found = leak_floor([0, 0, 1, 1], {"size": [4, 3, 2, 1], "codec": ["a", "a", "a", "a"], "fps": [25, 25, 25, 25]})
    assert found.auc.value is None
    assert found.single == {"size": 1.0}
    more = leak_floor([0, 0, 1, 1], {"codec": ["a", "a", "b", "b"], "size": [1, 3, 2, 4]})
    assert more.single == {"codec": 1.0, "size": 0.75}


@pytest.mark.parametrize(("real", "fake", "enough"), [(9, 30, False), (30, 9, False), (10, 30, True), (30, 10, True)])
def test_ten_videos_of_each_class_are_needed(real: int, fake: int, enough: bool) -> None:
    label = [0] * real + [1] * fake
    found = leak_floor(label, {"size": np.random.default_rng(0).normal(size=real + fake).tolist()}, draws=20)
    assert (found.auc.value is not None) == enough
    assert (found.n_real, found.n_fake) == (real, fake)
    assert enough or found.auc.reason == f"{real} real and {fake} fake videos: at least 10 of each class are needed"
    assert set(leak_floor([0] * 20, {"size": list(range(20))}).single) == set()


def test_a_figure_is_clear_of_the_floor_by_a_stated_step() -> None:
    floor = Interval(0.5, 0.4, 0.6)
    assert leak_warning(Interval(0.5 + NEAR, 0.51, 0.9), floor) is None
    assert leak_warning(Interval(0.499 + NEAR, 0.51, 0.9), floor)
    assert leak_warning(Interval(0.9, 0.5, 0.95), floor)  # its low end must lie above, not on it


def test_positive_numbers_are_compared_by_ratio_and_others_as_they_are() -> None:
    """Sizes of 1, 10, 100 and 1000 are equally far apart; with a 0 among them they are not."""
    ratio = _encode("size", [1.0, 10.0, 100.0, 1000.0])[:, 0]
    assert np.diff(ratio) == pytest.approx([np.diff(ratio)[0]] * 3)
    assert (ratio.mean(), ratio.std()) == (pytest.approx(0), pytest.approx(1))
    plain = _encode("size", [0.0, 10.0, 100.0, 1000.0])[:, 0]
    assert np.diff(plain)[2] == pytest.approx(90 * np.diff(plain)[0])
    missing = _encode("size", [1.0, None, 2.0, 8.0])
    assert missing[1, 0] == missing[2, 0]  # the median stands for it
    assert missing[:, 1].tolist() == [0, 1, 0, 0]
    words = _encode("codec", ["b", "a", "b", "a", "c"])
    assert words.T.tolist() == [[0, 1, 0, 1, 0], [1, 0, 1, 0, 0]]  # what one video has alone tells nothing
