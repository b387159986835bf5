"""Which fakes show their original's images: re-encoded copies with another audio do, face swaps do not."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dfcore.data.media import decode
from dfcore.data.media.encode import write_h264
from dfcore.data.prepare.comparison import FRAMES, compare_images
from dfcore.data.store.clip_store import ClipStore
from dfcore.data.store.comparisons import Comparison, ComparisonLog
from dfcore.data.store.origin import Origin
from dfcore.testing.layouts import make_parts
from dfcore.testing.media import set_display_matrix, tone, write_broken

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people and their swaps in each other's videos, all at crf 23; the faces are 100 pixels high."""
    return make_parts(tmp_path_factory.mktemp("swaps"), parts=(0,), frames=10, size=256) / "dfdc_train_part_0"


@pytest.fixture(scope="module")
def reals(part: Path) -> list[Path]:
    return [path for path in sorted(part.glob("*.mp4")) if "_" not in path.stem]


def planes(path: Path) -> Planes:
    frames = list(decode(path, side_data=False))
    return tuple(np.stack([getattr(frame, name) for frame in frames]) for name in "yuv")  # type: ignore[return-value]


def write(path: Path, made: Planes, crf: float | None, hertz: float = 300.0) -> Path:
    write_h264(path, made, 25.0, crf=crf, audio=tone(len(made[0]) / 25, hertz, rate=16000))
    return path


@pytest.mark.parametrize("crf", [18, 28, 33])
def test_a_copy_at_another_crf_with_another_audio_shows_the_same(reals: list[Path], tmp_path: Path, crf: int) -> None:
    for original in reals:
        found = compare_images("copy", write(tmp_path / "copy.mp4", planes(original), crf), original)
        assert found.same is True, found
        assert found.difference is not None
        assert found.difference > 0  # the codec did leave something


def test_a_copy_bit_for_bit_shows_the_same(reals: list[Path]) -> None:
    origin = Origin.of(reals[0]).sampled(reals[0])
    assert compare_images("copy", reals[0], reals[0]) == Comparison(
        "copy", True, "", 0.0, str(reals[0]), origin, origin
    )


def test_a_swap_at_the_same_crf_does_not(part: Path, reals: list[Path]) -> None:
    for original in reals:
        (swap,) = part.glob(f"{original.stem}_*.mp4")
        assert compare_images("swap", swap, original).same is False


def test_what_comes_and_goes_is_the_codecs(reals: list[Path], tmp_path: Path) -> None:
    """Its errors differ from frame to frame; a face that was put in stays."""
    y, u, v = planes(reals[0])
    lossless = write(tmp_path / "lossless.mp4", (y, u, v), None)
    for signs, same in (((1, -1, 0, 1, -1, 1, -1, 0, 1, -1), True), ((1,) * 10, False)):
        trembling = y.astype(int)
        trembling[:, 64:96, 64:96] += 3 * np.array(signs)[:, None, None]
        copy = write(tmp_path / "copy.mp4", (trembling.clip(0, 255).astype(np.uint8), u, v), None)
        assert compare_images("copy", copy, lossless).same is same


def test_a_faint_swap_does_not(part: Path, reals: list[Path], tmp_path: Path) -> None:
    """A fifth of a face over the other: less than strong compression leaves, but in one place alone."""
    (swap,) = part.glob(f"{reals[0].stem}_*.mp4")
    pairs = zip(planes(reals[0]), planes(swap), strict=True)
    mixed = tuple((own + (other.astype(float) - own) / 5).round().astype(np.uint8) for own, other in pairs)
    copy = write(tmp_path / "copy.mp4", planes(reals[0]), 23)
    found = compare_images("faint", write(tmp_path / "faint.mp4", mixed, 23), copy)  # type: ignore[arg-type]
    assert found.difference is not None
    assert found.difference < 4
    assert found.same is False


def test_a_small_swap_in_a_large_image_does_not(part: Path, reals: list[Path], tmp_path: Path) -> None:
    """A twentieth of the image: a mean over all of it would be that of a copy."""
    (swap,) = part.glob(f"{reals[0].stem}_*.mp4")
    wall = np.random.default_rng(0).integers(90, 160, (10, 16, 24)).repeat(64, 1).repeat(64, 2).astype(np.uint8)
    grey = np.full((10, 512, 768), 128, np.uint8)
    files = []
    for name, path in (("real", reals[0]), ("fake", swap)):
        y, u, v = wall.copy(), grey.copy(), grey.copy()
        for canvas, own, side in ((y, planes(path)[0], 256), (u, planes(path)[1], 128), (v, planes(path)[2], 128)):
            canvas[:, side : 2 * side, side : 2 * side] = own
        files.append(write(tmp_path / f"{name}.mp4", (y, u, v), 26))
    means = [planes(file)[0].mean(dtype=float) for file in files]
    assert abs(means[0] - means[1]) < 0.3
    assert compare_images("swap", files[1], files[0]).same is False


def test_a_swap_that_shows_in_two_frames_of_eight_does_not(part: Path, reals: list[Path], tmp_path: Path) -> None:
    (swap,) = part.glob(f"{reals[0].stem}_*.mp4")
    mixed = tuple(
        np.concatenate([own[:8], other[8:]]) for own, other in zip(planes(reals[0]), planes(swap), strict=True)
    )
    assert compare_images("late", write(tmp_path / "late.mp4", mixed, 23), reals[0]).same is False  # type: ignore[arg-type]


def turned(path: Path) -> None:
    set_display_matrix(path, (0, 1, -1, 0))


@pytest.mark.parametrize(
    ("cut", "change", "words"),
    [
        (np.s_[:9], None, "frames 9 and 10"),
        (np.s_[:, :-16], None, "size 256x240 and 256x256"),
        (np.s_[:], turned, "rotation 90 and 0"),
    ],
)
def test_other_lengths_and_sizes_cannot_be_compared(
    reals: list[Path], tmp_path: Path, cut: object, change: Callable[[Path], None] | None, words: str
) -> None:
    y, u, v = planes(reals[0])
    half = (cut[0], slice(None, -8)) if isinstance(cut, tuple) else cut
    copy = write(tmp_path / "copy.mp4", (y[cut], u[half], v[half]), 23)  # type: ignore[index]
    if change is not None:
        change(copy)
    found = compare_images("copy", copy, reals[0])
    assert found.same is None
    assert words in found.reason


def test_what_cannot_be_read_cannot_be_compared(reals: list[Path], tmp_path: Path) -> None:
    for other in (tmp_path / "gone.mp4", write_broken(tmp_path / "noise.mp4", "noise")):
        found = compare_images("x", reals[0], other)
        assert found.same is None
        assert str(other) in found.reason


def test_a_swap_costs_the_frames_up_to_the_first_that_differs(
    part: Path, reals: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def counting(*args: object, **how: object) -> object:
        for frame in decode(*args, **how):  # type: ignore[arg-type]
            read.append(frame.index)
            yield frame

    monkeypatch.setattr("dfcore.data.prepare.comparison.decode", counting)
    (swap,) = part.glob(f"{reals[0].stem}_*.mp4")
    compare_images("swap", swap, reals[0])
    assert len(read) == 2
    read.clear()
    compare_images("copy", reals[0], reals[0])
    assert len(read) == 2 * FRAMES
    assert (min(read), max(read)) == (0, 9)  # spread over the whole length


def test_the_log_keeps_the_last_word_and_survives_a_torn_line(tmp_path: Path) -> None:
    log = ComparisonLog(tmp_path / "store")
    first, second = Comparison("a/b", None, "no such file"), Comparison("a/b", True, difference=0.5)
    for one in (first, second, Comparison("c", False)):
        log.add(one)
    with log.path.open("a") as stream:
        stream.write('{"id": "d", "sa')
    again = ComparisonLog(tmp_path / "store")
    assert again == {"a/b": second, "c": Comparison("c", False)}
    again.add(Comparison("d", True))
    assert ComparisonLog(tmp_path / "store")["d"].same is True


def test_several_writers_have_a_file_each_until_one_puts_them_together(tmp_path: Path) -> None:
    ComparisonLog(tmp_path).add(Comparison("a", False))
    for part in (1, 2):
        ComparisonLog(tmp_path, part).add(Comparison(f"b{part}", True))
    assert {path.name for path in tmp_path.iterdir()} == {"compared.jsonl", "compared-1.jsonl", "compared-2.jsonl"}
    log = ComparisonLog(tmp_path)
    assert {video: found.same for video, found in log.items()} == {"a": False, "b1": True, "b2": True}
    log.save()
    assert [path.name for path in tmp_path.iterdir()] == ["compared.jsonl"]
    assert ComparisonLog(tmp_path) == log


def test_a_store_that_several_fill_keeps_their_comparisons_apart_and_settles_them(tmp_path: Path) -> None:
    for part in (1, 2):
        ClipStore(tmp_path, part).comparisons.add(Comparison(f"b{part}", True))
    assert sorted(path.name for path in tmp_path.glob("compared*")) == ["compared-1.jsonl", "compared-2.jsonl"]
    ClipStore(tmp_path).settle()
    assert [path.name for path in tmp_path.glob("compared*")] == ["compared.jsonl"]
    assert sorted(ClipStore(tmp_path).comparisons) == ["b1", "b2"]


def test_a_comparison_holds_as_long_as_both_files_are_the_same(tmp_path: Path) -> None:
    fake, original = tmp_path / "fake.mp4", tmp_path / "original.mp4"
    fake.write_bytes(b"12")
    original.write_bytes(b"123")
    origins = [Origin.of(file).sampled(file) for file in (fake, original)]
    found = Comparison("x", True, origin=origins[0], original_origin=origins[1])
    assert found.now(fake, original) == found
    assert replace(found, version=0).now(fake, original) is None
    os.utime(original, ns=(5, 5))
    moved = found.now(fake, original)
    assert moved is not None
    assert (moved.original_origin.mtime_ns, moved.original_origin.sample) == (5, origins[1].sample)
    original.write_bytes(b"124")
    assert found.now(fake, original) is None
    original.unlink()
    assert found.now(fake, original) == found
