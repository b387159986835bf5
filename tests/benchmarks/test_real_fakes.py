"""The bench on real fakes: who is in it, what its figures mean, and that nobody is trained and tested on."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from cues.command import parse  # noqa: E402
from cues.heads import cell_parts, predict  # noqa: E402
from cues.real import run as bench  # noqa: E402
from cues.real.clips import background_only  # noqa: E402
from cues.real.figures import figures, standardised  # noqa: E402
from cues.real.listing import LIST, Video, grouped, read_listing  # noqa: E402
from cues.real.maps import chosen_pairs  # noqa: E402
from cues.real.report import _cells, codec_rows, results  # noqa: E402
from cues.real.training import recipes, window_footage  # noqa: E402

from dfcore.data.prepare.footage import write_footage  # noqa: E402
from dfcore.errors import UsageError  # noqa: E402
from dfcore.plugins import Registry  # noqa: E402
from dfcore.testing.speech import made_footage  # noqa: E402
from dfcore.testing.views import made_clip  # noqa: E402


def videos(count: int) -> list[Video]:
    """Of each person an original and the fake made of it."""
    found = []
    for number in range(count):
        original = Path(f"{number}.mp4")
        found += [Video(original, 0, (f"p{number}",)), Video(Path(f"f{number}.mp4"), 1, (f"p{number}",), original)]
    return grouped(found)


# -- the list --------------------------------------------------------------------------------------------------------


def test_a_list_names_people_pairs_and_methods(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        (tmp_path / name).touch()
    rows = ["path,label,person,pair,method,compression", "a.mp4,real,ann,,,", "b.mp4,fake,ann+bob,a.mp4,swap,c23"]
    (tmp_path / LIST).write_text("\n".join([*rows, "c.mp4,real,bob,,,"]))
    first, fake, other = read_listing(tmp_path)
    assert (fake.label, fake.original, fake.method, fake.compression) == (1, first.path, "swap", "c23")
    assert first.group == fake.group == other.group  # Bob's face is in Ann's video
    assert read_listing(tmp_path / LIST) == [first, fake, other]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("path,label\na.mp4,real", "lacks the columns person"),
        ("path,label,person\na.mp4,genuine,ann", "Write real or fake"),
        ("path,label,person\na.mp4,real,", "who is in a.mp4"),
        ("path,label,person\nz.mp4,real,ann", "not there"),
        ("path,label,person\na.mp4,real,ann", "both must be there"),
    ],
)
def test_a_list_that_cannot_be_used_says_why(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    (tmp_path / LIST).write_text(text)
    with pytest.raises(UsageError, match=says):
        read_listing(tmp_path)


def test_the_layout_of_faceforensics_is_read_as_it_is(tmp_path: Path) -> None:
    for name in (
        "original_sequences/youtube/c40/videos/001.mp4",
        "manipulated_sequences/FaceSwap/c40/videos/001_002.mp4",
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    original, fake = read_listing(tmp_path)
    assert (fake.original, fake.method, fake.compression, fake.people) == (
        original.path,
        "FaceSwap",
        "c40",
        ("001", "002"),
    )


# -- figures ---------------------------------------------------------------------------------------------------------


def test_a_shift_is_measured_in_deviations_of_the_genuine_videos() -> None:
    """Genuine margins 0, 2, 4, 6 have a deviation of root 5; each fake lies root 5 above its original."""
    found = videos(4)
    margins = np.array([[value for n in range(4) for value in (2.0 * n, 2.0 * n + np.sqrt(5))]])
    told = figures(margins, found)
    assert told.shift is not None
    assert told.shift[0] == pytest.approx(1.0)
    assert (told.ranked, told.pairs, told.fakes, told.genuine) == (4.0, 4, 4, 4)
    assert told.auc is not None
    assert told.auc.value == (2 + 3 + 4 + 4) / 16  # 2.24 lies above 0 and 2, and so on
    assert standardised(margins, found)[0, [0, 2, 4, 6]].std() == pytest.approx(1.0)


def test_a_fake_below_its_original_counts_as_wrong_and_an_equal_one_half() -> None:
    told = figures(np.array([[0.0, -1.0, 5.0, 5.0]]), videos(2))
    assert told.ranked == 0.5
    assert told.shift is not None
    assert told.shift[0] == pytest.approx(-0.2)


def test_what_was_not_judged_counts_nowhere_and_a_choice_is_of_fakes_alone() -> None:
    margins = np.array([[0.0, 1.0, 0.5, np.nan, 0.2, 3.0]])
    told = figures(margins, videos(3), [False, True, False, True, False, False])
    assert (told.fakes, told.genuine, told.pairs) == (1, 3, 1)


def test_couples_of_one_compression_are_told_apart_from_all() -> None:
    """Two couples at c40, one of which is ranked right, and one at c23; nothing is known of the last three videos."""
    labels, words = (0, 0, 1, 0, 1, 0, 0, 1), ("c40", "c40", "c40", "c23", "c23", "", "", "")
    found = grouped([Video(Path(f"{n}.mp4"), label, (f"p{n}",), None, "", words[n]) for n, label in enumerate(labels)])
    margins = np.array([[5.0, 3.5, 4.0, 2.0, 3.0, 0.0, 1.0, 9.0]])
    told = figures(margins, found)
    assert told.auc is not None
    assert told.auc.value == pytest.approx((4 + 3 + 5) / 15)
    assert told.alike == pytest.approx((1 + 1) / 3)
    row = results({"cm": margins}, found)["tables"]["all"]["cm"]
    assert (row["alike"], _cells("cm", row)[2]) == (0.6667, ".67")
    assert figures(np.array([[0.0, 1.0]]), videos(1)).alike is None


def test_margins_of_other_codecs_are_told_in_the_spread_of_genuine_videos() -> None:
    found = videos(2)  # genuine margins -1 and 1
    rows = codec_rows(np.array([[-1.0, 9.0, 1.0, 9.0, 3.0, 5.0]]), ["", "", "", "", "hevc", "hevc"], found)
    assert rows == {"as found": [-1.0, 0.0, 1.0, 2], "hevc": [3.0, 4.0, 5.0, 2]}


def test_the_control_sees_nothing_of_the_face() -> None:
    cells = torch.zeros(2, 49)
    cells[:, :7] = 1
    features = torch.rand(2, 3, 49)
    features[:, 2] = features[:, 2, :1]  # the same in all cells: what the whole window says
    seen = background_only({"a": features, "b": features.mT}, cells)
    changed = features.clone()
    changed[:, :2, 7:] += 1
    torch.testing.assert_close(background_only({"a": changed}, cells)["a"], seen["a"])
    torch.testing.assert_close(seen["b"].mT, seen["a"])
    assert torch.equal(seen["a"][:, :2, :7], features[:, :2, :7])
    torch.testing.assert_close(seen["a"][:, 0, 20], features[:, 0, :7].mean(1))
    assert not seen["a"][:, 2].any()


def test_one_pair_of_each_method_is_drawn() -> None:
    found = [
        replace(video, method="swap" if n < 6 else "edit") if video.label else video
        for n, video in enumerate(videos(4))
    ]
    assert chosen_pairs(found) == [(0, 1), (6, 7)]
    assert chosen_pairs([replace(video, original=None) for video in found]) == []


# -- training --------------------------------------------------------------------------------------------------------


def test_every_group_of_kinds_gives_as_many_pairs_and_takes_its_kinds_in_turn() -> None:
    spec = Registry().specialist("cm")
    found = recipes(spec, "a", [("from18", "from23"), ("mouth",)], 2)
    assert sorted(one.kind for one in found) == ["from18", "from23", "mouth", "mouth"]
    assert found == recipes(spec, "a", [("from18", "from23"), ("mouth",)], 2)


def test_heads_learn_from_what_training_makes_unless_kinds_are_named() -> None:
    cm, rr = (Registry().specialist(name) for name in ("cm", "rr"))
    assert bench._groups(cm, "")[1] == ("swap", "lower", "mouth")
    assert bench._groups(rr, "") == (("x1.3", "x1.5", "x2", "x3"), ("swap", "lower", "mouth"))
    assert bench._groups(rr, "from18,x2;sharper") == (("x2",), ("sharper",))
    with pytest.raises(UsageError, match="leaves rr without"):
        bench._groups(rr, "from18")


def test_a_windows_face_is_where_the_window_has_it() -> None:
    clip = made_clip(0, frames=4)
    moved = window_footage(clip)
    assert np.array_equal(moved.boxes, np.array(clip.header.boxes))
    assert moved.y.shape == clip.y.shape


def made_list(folder: Path, people: int) -> Path:
    lines = ["path,label,person,pair,method,compression"]
    for number in range(people):
        footage = made_footage(number, frames=40, size=256)
        face = footage.y.copy()
        x0, y0, x1, y1 = footage.boxes[0].astype(int)
        face[:, y0:y1, x0:x1] = face[:, y0:y1, x0:x1] // 2 + 64
        write_footage(footage, folder / f"p{number}.mp4", crf=23)
        write_footage(replace(footage, y=face), folder / f"f{number}.mp4", crf=23)
        lines += [f"p{number}.mp4,real,p{number},,,", f"f{number}.mp4,fake,p{number},p{number}.mp4,dull,c23"]
    (folder / LIST).write_text("\n".join(lines))
    return folder


@pytest.mark.slow
def test_it_runs_through_and_nobody_is_trained_and_tested_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[set[int], int]] = []
    kept = bench.train

    def watched(arm: str, spec: Any, samples: Any, chosen: Any, budget: Any, seed: int) -> Any:
        given.append((set(chosen.tolist()), len(samples.label)))
        model = kept(arm, spec, samples, chosen, budget, seed)
        parts, genuine = cell_parts(model, samples, chosen, chosen[::2]), predict(model, samples, chosen[::2])
        margins = predict(model, samples, chosen)
        np.testing.assert_allclose(parts.sum((1, 2)), margins - genuine.mean(), atol=1e-5)
        return model

    monkeypatch.setattr(bench, "train", watched)
    place = made_list(tmp_path, 3)
    words = f"--real-fakes {place} --specialists rr --out {tmp_path / 'out'} --workers 1 --seeds 1 --folds 3 --draws 1"
    words += " --windows 1 --steps 3 --kinds x2;swap --backbone test_efficientnet --codecs"
    args = parse(words.split())
    found = bench.run_real(args, Console(quiet=True))
    table = found["tables"]["dull c23"]
    assert {"rr", "rr background", "together", "probe", "file facts"} <= set(table)
    assert (table["rr"]["fakes"], table["rr"]["genuine"], table["rr"]["pairs"]) == (3, 3, 3)
    assert set(found["codecs"]["rr"]) == {"as found", "h264", "hevc", "vp9", "av1", "mpeg4", "mjpeg"}
    # Three people give 2 x 2 rows of pairs each; a fold is trained on those of two, and never on a test's.
    assert [len(chosen) for chosen, _ in given] == [8] * 6
    assert all(max(chosen) < 12 for chosen, _ in given)
    assert {frozenset(chosen) for chosen, _ in given} == {
        frozenset({*range(12)} - {*range(4 * n, 4 * n + 4)}) for n in range(3)
    }
    assert (tmp_path / "out" / "real-fakes.md").exists()
    with Image.open(tmp_path / "out" / "real-fakes.png") as image:
        assert image.width > 2 * image.height  # one pair: two faces and two maps
