"""Who is who in a file of which some frames between clips were not looked at: without decoding anything."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from dfcore.data.clips import FrameFormat
from dfcore.data.clips.plan import ClipPlan
from dfcore.data.faces.cuts import signature
from dfcore.data.faces.look import Look
from dfcore.data.faces.looking import Seen
from dfcore.data.prepare.extract import Work, choose_clips
from dfcore.data.prepare.watch import Footage
from dfcore.data.protocols import Face

INFO: Any = SimpleNamespace(width=640, height=480)
SPANS = [range(16), range(300, 316), range(440, 456)]
SHOT = signature(np.tile(np.arange(64, dtype=np.uint8)[:, None, None] * 4, (1, 64, 3)))


def look(x: float | None) -> Look:
    """At one face, or at none."""
    return Look([] if x is None else [Face((x, 100, x + 80, 180), 0.9, ((x + 40, 140),) * 5)], 1.0, SHOT)


def test_someone_who_comes_after_one_who_left_is_another_whatever_gap_was_clear_before() -> None:
    work = Work.of(ClipPlan(people=2), SPANS, {}, 25.0)
    assert [gap.ends for gap in work.looks.gaps] == [(15, 300), (315, 440)]
    seen = {frame: look(200) for span in SPANS[:2] for frame in (span[0], span[-1])}
    seen |= {frame: look(260) for frame in (440, 455)}  # three quarters of a side further
    seen |= {frame: look(None) for frame in work.looks.gaps[1].frames}
    frames = [frame for span in SPANS for frame in span]
    shown = FrameFormat(640, 480, "tv", "bt601", 0)
    footage = Footage(dict.fromkeys(frames, 0.0), dict.fromkeys(frames, shown), looks={"centerface": Seen(seen, {})})
    chosen = choose_clips(Path("a.mp4"), INFO, work, footage)
    assert [(pick.person, pick.span) for pick in chosen.picks] == [(0, 0), (0, 300), (1, 440)]
    assert chosen.people_seen == 2
