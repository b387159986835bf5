"""What a damaged file gives does not depend on how many cores decode it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import dfcore
from dfcore.data.media import decode, frames
from dfcore.data.media.stream import Reader
from dfcore.testing.media import write_video


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An APNG of eight frames whose fourth cannot be unpacked: each frame is a stream of its own."""
    path = write_video(
        tmp_path_factory.mktemp("threads") / "a.apng", codec="apng", pix_fmt="rgb24", width=64, height=64, frames=8
    )
    data, at = bytearray(path.read_bytes()), 0
    for _ in range(3):
        at = data.find(b"fdAT", at) + 4
    data[at + 20 : at + 400] = bytes(380)
    path.write_bytes(bytes(data))
    return path


def given(path: Path, threads: int) -> list[tuple[int, bytes]]:
    return [(frame.index, frame.y.tobytes()) for frame in decode(path, side_data=False, threads=threads)]


@pytest.mark.parametrize("threads", [2, 4, 8])
def test_a_damaged_file_gives_the_same_frames_with_any_number_of_threads(damaged: Path, threads: int) -> None:
    alone = given(damaged, 1)
    assert 0 < len(alone) < 8
    assert given(damaged, threads) == alone


def test_a_codec_that_patches_damage_with_what_another_thread_has_just_written_gets_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of FFV1 a damaged frame is filled from the frame before, which frame threads may not have finished."""
    seen: list[tuple[int, bool]] = []

    class Spy(Reader):
        def __init__(self, container: Any, stream: Any, path: Path, **how: Any) -> None:
            seen.append((stream.codec_context.thread_count, how["one_thread"]))
            super().__init__(container, stream, path, **how)

    monkeypatch.setattr(frames, "Reader", Spy)
    for codec in ("ffv1", "mpeg4"):
        list(
            decode(
                write_video(tmp_path / f"{codec}.mkv", codec=codec, width=64, height=64, frames=3),
                side_data=False,
                threads=4,
            )
        )
    assert seen == [(1, True), (4, False)]


def test_whoever_decodes_takes_one_thread_a_core_unless_told_otherwise() -> None:
    """``threads`` means the same wherever it is an argument: 0, the default, is one per core."""
    root = Path(dfcore.__file__).parent
    found = {}
    for path in root.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef):
                given = function.args
                named = [*zip(given.args[::-1], given.defaults[::-1], strict=False)]
                named += [one for one in zip(given.kwonlyargs, given.kw_defaults, strict=True) if one[1] is not None]
                for argument, default in named:
                    if argument.arg == "threads" and ast.unparse(argument.annotation or default) == "int":
                        found[f"{path.relative_to(root)}:{function.name}"] = ast.literal_eval(default)
    assert len(found) > 15
    assert {name: value for name, value in found.items() if value != 0} == {}
