"""Frames that nobody reads are not decoded where no other depends on them, and the others are the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from dfcore.data.media import DecodedFrame, decode, frames, stream
from dfcore.data.media.coding import unread
from dfcore.data.media.coding.unread import find_unread
from dfcore.data.media.container import open_media
from dfcore.data.media.stream import Unread
from dfcore.testing.media import write_broken, write_video

WANTED = {5, 6, 7, 40, 41}
SIZE = {"width": 128, "height": 96, "frames": 48}
PYRAMID = {"preset": "medium", "bf": "3", "x264-params": "b-pyramid=normal:keyint=20"}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many packets each reader gave its decoder."""
    counts: list[int] = []

    class Counted(frames.Reader):
        def __init__(self, *args: object, **how: object) -> None:
            super().__init__(*args, **how)  # type: ignore[arg-type]
            counts.append(0)

        def _decode(self, packet: object) -> list[object]:
            counts[-1] += packet is not None
            return super()._decode(packet)

    monkeypatch.setattr(frames, "Reader", Counted)
    return counts


def same(one: list[DecodedFrame], other: list[DecodedFrame]) -> bool:
    facts = [[(f.index, f.time, f.pict_type, f.format) for f in found] for found in (one, other)]
    planes = zip(one, other, strict=True)
    return facts[0] == facts[1] and all(
        (a is None and b is None) or np.array_equal(a, b)
        for f, g in planes
        for a, b in ((f.y, g.y), (f.u, g.u), (f.v, g.v), (f.qp, g.qp), (f.motion, g.motion))
    )


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
@pytest.mark.parametrize("side_data", [True, False])
@pytest.mark.parametrize("threads", [1, 3])
def test_what_is_read_is_the_same_to_the_last_bit(
    tmp_path: Path, sent: list[int], name: str, side_data: bool, threads: int
) -> None:
    path = write_video(tmp_path / name, **SIZE, options=PYRAMID)
    whole = list(decode(path, WANTED, side_data=side_data, threads=threads))
    some = list(decode(path, WANTED, side_data=side_data, threads=threads, pass_unread=True))
    assert [frame.index for frame in some] == sorted(WANTED)
    assert same(whole, some)
    assert sent[1] < 0.75 * sent[0]


def test_frames_at_uneven_times_keep_their_numbers(tmp_path: Path) -> None:
    times = np.cumsum(np.random.default_rng(0).choice([0.02, 0.04, 0.1], SIZE["frames"])).round(3).tolist()
    path = write_video(tmp_path / "a.mp4", **SIZE, times=times, options=PYRAMID)
    assert same(list(decode(path, WANTED)), list(decode(path, WANTED, pass_unread=True)))


def test_where_most_is_read_all_is_decoded(tmp_path: Path, sent: list[int]) -> None:
    path = write_video(tmp_path / "a.mp4", **SIZE, options=PYRAMID)
    assert find_unread(path, set(range(1, 48))) is None
    assert len(list(decode(path, set(range(1, 48)), pass_unread=True))) == 47
    assert sent == [48]


def test_of_a_very_long_file_nothing_is_noted_for_each_packet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", **SIZE, options=PYRAMID)
    monkeypatch.setattr(unread, "_MOST", 48)
    assert find_unread(path, WANTED) is not None
    monkeypatch.setattr(unread, "_MOST", 47)
    assert find_unread(path, WANTED) is None


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "mpeg4"), ("a.webm", "libvpx-vp9"), ("a.avi", "libx264")])
def test_other_codecs_and_files_without_time_stamps_are_decoded_whole(tmp_path: Path, name: str, codec: str) -> None:
    path = write_video(tmp_path / name, **SIZE, codec=codec)
    assert find_unread(path, WANTED) is None
    assert same(list(decode(path, WANTED)), list(decode(path, WANTED, pass_unread=True)))


def test_frames_that_others_depend_on_are_always_decoded(tmp_path: Path, sent: list[int]) -> None:
    path = write_video(tmp_path / "a.mp4", **SIZE, options={"bf": "0"})
    assert find_unread(path, WANTED) is None
    assert [frame.index for frame in decode(path, WANTED, pass_unread=True)] == sorted(WANTED)
    assert sent == [42]


def test_a_frame_that_does_not_come_makes_all_be_counted(tmp_path: Path, sent: list[int], monkeypatch) -> None:
    """Then numbers by time stamps are not those of counting: here a packet that must be decoded gives nothing."""
    path = write_video(tmp_path / "a.mp4", **SIZE, options=PYRAMID)
    whole = list(decode(path, WANTED))
    all_of = frames.Reader._all

    def without_one(self: frames.Reader):  # type: ignore[no-untyped-def]
        for number, frame in enumerate(all_of(self)):
            if self.unread is None or number != 12:
                yield frame

    monkeypatch.setattr(frames.Reader, "_all", without_one)
    del sent[:]
    assert same(whole, list(decode(path, WANTED, pass_unread=True)))
    assert len(sent) == 2


class Packet(bytes):
    """A packet of a file, of which something may be said that is not so."""

    pts: int | None
    is_corrupt: bool
    is_discard: bool


@pytest.mark.parametrize(
    "said", [{}, {"pts": None}, {"pts": 0}, {"is_corrupt": True}, {"is_discard": True}], ids=lambda said: str(said)
)
def test_nothing_is_left_out_where_the_packets_do_not_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: dict[str, object]
) -> None:
    path = write_video(tmp_path / "a.mp4", **SIZE, options=PYRAMID)
    packets = unread.packets

    def changed(*given: Any) -> Iterator[Packet]:
        for number, packet in enumerate(packets(*given)):
            found = Packet(bytes(packet))
            told = {name: getattr(packet, name) for name in ("pts", "is_corrupt", "is_discard")}
            vars(found).update(told | (said if number == 9 else {}))
            yield found

    monkeypatch.setattr(unread, "packets", changed)
    assert (find_unread(path, WANTED) is None) == bool(said)


def test_the_first_frame_is_decoded_even_if_it_is_said_that_nothing_need_be(
    tmp_path: Path, sent: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", **SIZE, options=PYRAMID)
    with open_media(path) as container:
        stamps = sorted(one.pts for one in container.demux(video=0) if one.pts is not None)
    place = {stamp: number for number, stamp in enumerate(stamps)}
    monkeypatch.setattr(frames, "find_unread", lambda *_: Unread(place, frozenset(stamps)))
    assert same(list(decode(path, {0})), list(decode(path, {0}, pass_unread=True)))
    assert len(sent) == 2


class Refusing:
    """A stream whose decoder refuses a packet; ``late`` is whether that packet's frame comes with the next one's."""

    def __init__(self, stream: Any, count: int, late: bool) -> None:
        self._stream, self._left, self._late = stream, count, late
        self._held: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def decode(self, packet: Any) -> Any:
        self._left -= packet is not None and bool(packet.size)
        if packet is not None and self._left == 0:
            self._held = self._stream.decode(packet) if self._late else []
            raise av.error.InvalidDataError(1, "made")
        held, self._held = self._held, []
        return [*held, *self._stream.decode(packet)]


@pytest.mark.parametrize(("refused", "late"), [(47, False), (25, True)], ids=["its frame is lost", "its frame comes"])
def test_a_refused_packet_makes_all_be_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: int, late: bool
) -> None:
    path = write_video(tmp_path / "a.mp4", **SIZE, options={"bf": "0", "x264-params": "keyint=20"})
    wanted = {5, 30, 47}
    whole = list(decode(path, wanted))
    spared = Unread({512 * number: number for number in range(48)}, frozenset({512 * 19}))
    with open_media(path) as container:
        assert [one.pts for one in container.demux(video=0) if one.size] == list(spared.place)
    began = frames.Reader.__init__

    def begin(self: frames.Reader, container: Any, real: Any, *given: Any, **how: Any) -> None:
        refusing = how.get("unread") is not None
        began(self, container, Refusing(real, refused, late) if refusing else real, *given, **how)

    packets = stream.packets
    monkeypatch.setattr(stream, "packets", lambda a, b, path: packets(a, getattr(b, "_stream", b), path))
    monkeypatch.setattr(frames.Reader, "__init__", begin)
    monkeypatch.setattr(frames, "find_unread", lambda *_: spared)
    found = list(decode(path, wanted, pass_unread=True, threads=1))
    assert [frame.index for frame in found] == [5, 30, 47]
    assert same(whole[-1:], found[-1:])


class Corrupt:
    """A frame that the decoder calls damaged."""

    is_corrupt = True

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    def __getattr__(self, name: str) -> Any:
        return getattr(self._frame, name)


def test_a_damaged_frame_makes_all_be_decoded(tmp_path: Path, sent: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", **SIZE, options=PYRAMID)
    whole = list(decode(path, WANTED))
    all_of = frames.Reader._all

    def with_one(self: frames.Reader) -> Iterator[Any]:
        for number, frame in enumerate(all_of(self)):
            yield Corrupt(frame) if self.unread is not None and number == 3 else frame

    monkeypatch.setattr(frames.Reader, "_all", with_one)
    del sent[:]
    assert same(whole, list(decode(path, WANTED, pass_unread=True)))
    assert len(sent) == 2


@pytest.mark.parametrize(("name", "kind"), [("a.mp4", "damaged"), ("a.mkv", "damaged"), ("a.mkv", "truncated")])
def test_damage_costs_no_more_frames_than_where_all_is_decoded(tmp_path: Path, name: str, kind: str) -> None:
    path = write_broken(tmp_path / f"b{name}", kind, write_video(tmp_path / name, **SIZE, options=PYRAMID))
    wanted = set(range(0, 48, 3))
    whole, some = list(decode(path, wanted)), list(decode(path, wanted, pass_unread=True))
    assert 0 < len(whole) < len(wanted)
    given = {frame.index: frame for frame in some}
    assert same(whole, [given[frame.index] for frame in whole])
