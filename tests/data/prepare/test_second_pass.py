"""Frames too large to be held come from a second pass, which must give what the first one gave."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from dfcore.data.clips.plan import ClipPlan
from dfcore.data.prepare import watch
from dfcore.data.prepare.extract import extract_clips
from dfcore.testing.media import write_video

OPTIONS = {"preset": "medium", "bf": "3", "x264-params": "b-pyramid=normal:keyint=20"}


def test_damage_in_frames_that_nobody_reads_costs_the_second_pass_no_frame_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", width=128, height=128, frames=60, options=OPTIONS)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    packet = next(one for one in packets if packet_number(one) == 35)
    damaged = bytearray(path.read_bytes())
    assert packet.pos is not None
    damaged[packet.pos + 5 : packet.pos + packet.size] = bytes(packet.size - 5)
    path.write_bytes(damaged)
    plan = ClipPlan(clips=2, frames=16, detector="fake_parts:FixedFace")
    (held,) = extract_clips(path, plan, threads=1)
    assert held.header.frames == tuple(range(37, 53))
    monkeypatch.setattr(watch, "HELD_BYTES", 0)
    (again,) = extract_clips(path, plan, threads=1)
    assert again.header == held.header
    assert np.array_equal(again.y, held.y)


def packet_number(packet: av.Packet) -> int:
    """Which frame it carries, in order of presentation."""
    assert packet.pts is not None
    assert packet.time_base is not None
    return round(packet.pts * packet.time_base * 25)
