"""What single properties of files tell of their class, in figures that were worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dfcore.console.progress import Bar, Silent
from dfcore.data.checks import verify
from dfcore.data.checks.shortcuts import Shortcut, check_shortcuts, shortcuts
from dfcore.data.media import MediaInfo
from dfcore.data.records import FAKE, REAL, Scan, VideoRecord


def info(path: Path = Path("absent"), **changes: Any) -> MediaInfo:
    known: dict[str, Any] = {
        "kind": "video", "width": 20, "height": 10, "fps": 25.0, "frame_count": 4, "duration": 2.0, "codec": "h264",
        "pix_fmt": "yuv420p", "converted": "", "colour_range": "tv", "colour_matrix": "bt601", "rotation": 0,
        "has_audio": False,
    }  # fmt: skip
    return MediaInfo(path, **{**known, **changes})


def measured(real: list[MediaInfo], fake: list[MediaInfo], **records: Any) -> dict[str, Shortcut]:
    made, infos = [], {}
    for label, side in ((REAL, real), (FAKE, fake)):
        for number, one in enumerate(side):
            name = f"{label}-{number}"
            made.append(VideoRecord(name, Path(name), label, **records))
            infos[name] = one
    found = shortcuts([*made, VideoRecord("unreadable", Path("x"), FAKE)], infos)
    assert [one.auc for one in found] == sorted((one.auc for one in found), reverse=True)
    return {one.name: one for one in found}


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("frame rate", {"fps": 24.0}, {"fps": 25.0}),
        ("frame size", {"width": 21, "height": 8}, {"width": 17, "height": 10}),  # 168 and 170 pixels
        ("duration", {"duration": 1.5}, {"duration": 2.0}),
    ],
)
def test_each_number_alone_is_a_score(name: str, low: dict[str, float], high: dict[str, float]) -> None:
    found = measured([info(**low)] * 3, [info(**high)] * 3)
    assert found[name].auc == 1.0
    assert [other for other, one in found.items() if one.auc == 1.0] in ([name], [name, "bits per pixel"])


def test_bits_per_pixel_are_those_of_all_frames(tmp_path: Path) -> None:
    """800 bytes in 4 frames of 200 pixels are 8 bits; so are 400 in 2 frames, and 200 in frames of half the width."""
    for size in (200, 400, 800, 801):
        (tmp_path / str(size)).write_bytes(bytes(size))
    eight = [
        info(tmp_path / "800"),
        info(tmp_path / "400", frame_count=2),
        info(tmp_path / "400", width=10),
    ]
    assert measured(eight, eight)["bits per pixel"].auc == 0.5
    assert measured(eight, [info(tmp_path / "801")])["bits per pixel"].auc == 1.0
    nothing = [info(width=0, height=0, frame_count=0)]  # what has no pixels, and vanished
    assert measured(nothing, nothing)["bits per pixel"].auc == 0.5


@pytest.mark.parametrize(("lower", "area", "certain"), [(5, 0.90, True), (4, 0.88, False)])
def test_what_chance_may_do_is_three_standard_errors_of_the_rank_sum(lower: int, area: float, certain: bool) -> None:
    """With ten of each that ends at 0.5 + 3 * sqrt(21 / 1200) = 0.897: so two fakes are below some of the real ones."""
    real = [info(fps=25.0)] * lower + [info(fps=27.0)] * (10 - lower)
    found = measured(real, [info(fps=30.0)] * 8 + [info(fps=26.0)] * 2)["frame rate"]
    assert (found.auc, found.certain) == (pytest.approx(area), certain)


@pytest.mark.parametrize(("fakes", "certain"), [(15, False), (16, True)])
def test_exactly_three_standard_errors_are_not_more_than_three(fakes: int, certain: bool) -> None:
    """With 4 and 15 files they are sqrt(20 / 720) * 3 = 0.5: even a number that parts the classes may be chance."""
    found = measured([info(fps=25.0, codec="vp9")] * 4, [info(fps=30.0)] * fakes)
    for one in (found["frame rate"], next(one for name, one in found.items() if name.startswith("codec"))):
        assert (one.auc, one.certain) == (1.0, certain)


@pytest.mark.parametrize("real", [2, 9])
def test_words_are_told_with_the_value_that_separates(real: int) -> None:
    voiced, silent = info(has_audio=True, codec="vp9"), info()
    found = measured([voiced] * real + [silent] * (10 - real), [silent] * 10, compression="c23")
    assert found["compression (c23)"].auc == 0.5
    for word in ("audio", "codec"):
        (one,) = (one for name, one in found.items() if name.startswith(word))
        assert (one.auc, one.certain) == (pytest.approx(0.5 + real / 20), real == 9)
    assert "compression (none)" in measured([voiced], [silent])
    assert {"audio (yes)", "codec (vp9)"} <= set(measured([voiced], [voiced]))


@pytest.mark.parametrize(("auc", "certain", "warns"), [(0.7, True, True), (0.699, True, False), (0.9, False, False)])
def test_from_0_7_on_a_property_is_worth_a_warning_if_it_is_no_chance(auc: float, certain: bool, warns: bool) -> None:
    found = check_shortcuts([Shortcut("frame rate", auc, certain)])
    assert [problem.items for problem in found] == ([("frame rate: AUC 0.70",)] if warns else [])


def test_without_both_classes_nothing_is_measured() -> None:
    assert measured([info()], []) == {}
    assert measured([], [info()]) == {}


# -- how the files are read --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cores", "asked", "files", "workers"),
    [(4, None, 9, 4), (64, None, 99, 8), (None, None, 9, 1), (4, 6, 9, 6), (4, 6, 2, 2), (4, 1, 0, 1)],
)
def test_files_are_read_by_so_many_processes(
    monkeypatch: pytest.MonkeyPatch, cores: int | None, asked: int | None, files: int, workers: int
) -> None:
    used: list[int] = []
    monkeypatch.setattr(verify.os, "cpu_count", lambda: cores)
    monkeypatch.setattr(verify, "run_tasks", lambda read, tasks, workers, seconds: used.append(workers) or [])
    records = tuple(VideoRecord(str(n), Path(str(n)), n % 2) for n in range(files))
    verify.verify(Scan("made", Path(), records), workers=asked, progress=False)
    assert used == [workers]


@pytest.mark.parametrize(
    ("how", "frames", "seen"),
    [({}, False, True), ({"frames": True, "progress": False}, True, False), ({"progress": True}, False, True)],
)
def test_by_default_no_frame_is_decoded_and_a_bar_is_shown_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, how: dict[str, bool], frames: bool, seen: bool
) -> None:
    used: list[object] = []

    def tasks(read: Any, *_: object) -> list[object]:
        used.append(read.keywords)
        return []

    class Watched(Silent):
        def bar(self, label: str, total: int | None, **how: Any) -> Bar:
            used.append((label, total, how["unit"]))
            return self

    monkeypatch.setattr(verify, "run_tasks", tasks)
    monkeypatch.setattr(verify, "TERMINAL", Watched())
    verify.verify(Scan("made", Path(), (VideoRecord("a", Path("a"), REAL),)), **how)
    assert used == [{"frames": frames}, *[("reading", 1, "file")] * seen]


@pytest.mark.parametrize(
    ("there", "come", "said"),
    [(20, 8, ""), (5, 5, ""), (20, 7, "only 7 of its first 8 frames"), (5, 4, "only 4 of its first 5")],
)
def test_the_first_eight_frames_are_decoded(monkeypatch: pytest.MonkeyPatch, there: int, come: int, said: str) -> None:
    asked: list[object] = []

    def decode(path: Path, wanted: range, **how: object) -> list[int]:
        asked.append(wanted)
        return list(wanted)[:come]

    monkeypatch.setattr(verify, "probe", lambda path: info(path, frame_count=there))
    monkeypatch.setattr(verify, "decode", decode)
    monkeypatch.setattr(verify, "announce", lambda *sizes: asked.append(sizes))
    found = verify._read(Path("a.mp4"), frames=True)
    assert asked == [(min(8, there), 20, 10), range(min(8, there))]
    assert said in found if isinstance(found, str) else not said
