"""Pairs of a pseudo-fake and its control: who gets one, and that both halves differ in the damage alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dfcore.data.clips.plan import ClipPlan
from dfcore.data.media import probe
from dfcore.data.prepare.pseudo_fakes import CRFS, forged_file, forged_pairs
from dfcore.data.prepare.videos import prepare_videos
from dfcore.data.records import VideoRecord
from dfcore.data.store.clip_store import ClipStore
from dfcore.errors import UsageError
from dfcore.specs import CueSpec, SpecialistSpec

SPEC = SpecialistSpec("toy", "Toy", (CueSpec("a", 4),), pseudo_fake="fake_parts:DarkFace")
DETECTOR = "fake_parts:FixedFace"


def many(path: Path, count: int = 200) -> list[VideoRecord]:
    return [
        VideoRecord(f"v{i}", path, i % 2, split="train" if i < count * 0.8 else "val", group=(f"g{i // 2}",))
        for i in range(count)
    ]


def test_pairs_are_made_of_real_videos_in_their_own_split_and_group(made_video: Path) -> None:
    records = {record.id: record for record in many(made_video)}
    pairs = forged_pairs(list(records.values()), SPEC, 0.3)
    assert 2 * 15 < len(pairs) < 2 * 45  # about 30 of 100
    assert len({record.id for record in pairs}) == len(pairs)
    for control, fake in zip(pairs[::2], pairs[1::2], strict=True):
        source = records[fake.original]
        assert source.label == control.label == 0
        assert fake.label == 1
        assert fake.manipulation in ("toy:black", "toy:grey")
        assert (control.group, control.split, control.path) == (source.group, source.split, source.path)
        assert control.forgery is not None
        assert fake.forgery == replace(control.forgery, fake=True)
        assert CRFS[0] <= control.forgery.crf <= CRFS[1]


def test_more_pairs_keep_the_fewer_ones(made_video: Path) -> None:
    records = many(made_video)
    few, more, whole = ({r.id for r in forged_pairs(records, SPEC, share)} for share in (0.3, 0.6, 2.0))
    assert few < more < whole
    assert len(whole) == 2 * 2 * 100
    assert few != {r.id for r in forged_pairs(records, SPEC, 0.3, seed=1)}


def test_no_pair_is_made_of_a_pair(made_video: Path) -> None:
    records = many(made_video, 10)
    pairs = forged_pairs(records, SPEC, 1.0)
    assert forged_pairs([*records, *pairs], SPEC, 1.0) == pairs


@pytest.mark.parametrize(("speech", "heard"), [(0.0, 0), (1.2, None)])
def test_what_is_known_of_the_audio_is_forgotten_where_it_may_be_what_was_damaged(
    made_video: Path, speech: float, heard: int | None
) -> None:
    records = [replace(record, audio_label=0) for record in many(made_video, 10)]
    pairs = forged_pairs(records, replace(SPEC, speech=speech), 1.0)
    assert {record.audio_label for record in pairs[::2]} == {0}
    assert {record.audio_label for record in pairs[1::2]} == {heard}


def test_another_voice_is_of_another_group_in_the_same_split(made_video: Path) -> None:
    records = [replace(record, path=Path(f"{record.id}.mp4")) for record in many(made_video, 20)]
    known = {record.path: record for record in records}
    for record in forged_pairs(records, SPEC, 1.0):
        assert record.forgery is not None
        voice = record.forgery.voice
        others = [one for one in records if one.label == 0 and one.split == record.split and one.group != record.group]
        assert (voice is None) == (not others)
        assert voice is None or known[voice] in others


def test_a_specialist_without_pseudo_fakes_says_so(made_video: Path) -> None:
    with pytest.raises(UsageError, match=r"data\.pseudo_fakes=0"):
        forged_pairs(many(made_video), replace(SPEC, pseudo_fake=""), 0.3)


def test_both_halves_are_alike_but_for_the_damage(made_video: Path, tmp_path: Path) -> None:
    pair = forged_pairs(many(made_video, 2), SPEC, 1.0)
    store = ClipStore(tmp_path / "store")
    report = prepare_videos(pair, store, ClipPlan(clips=1, frames=4, detector=DETECTOR), workers=1, progress=False)
    assert report.failed == ()
    control, fake = (store.open(record.id).load(0) for record in pair)
    assert control.header == replace(fake.header, pict_types=control.header.pict_types)
    assert control.source.frame_count == fake.source.frame_count == probe(made_video).frame_count
    assert (control.source.label, fake.source.label) == (0, 1)
    x, y, *_ = control.header.window
    x0, y0, x1, y1 = (round(value) for value in control.header.boxes[0])
    difference = np.abs(control.y.astype(int) - fake.y.astype(int)).mean(0)
    inside = np.s_[y0 - y + 8 : y1 - y - 8, x0 - x + 8 : x1 - x - 8]
    assert difference[inside].mean() > 15
    difference[y0 - y - 16 : y1 - y + 16, x0 - x - 16 : x1 - x + 16] = 0
    assert difference.mean() < 3
    again = prepare_videos(pair, store, ClipPlan(clips=1, frames=4, detector=DETECTOR), workers=1, progress=False)
    assert (again.done, again.reused) == (0, 2)


def test_an_ordinary_record_is_its_own_file(made_video: Path) -> None:
    with forged_file(VideoRecord("v", made_video, 0)) as path:
        assert path == made_video


def test_the_temporary_file_goes_away(made_video: Path) -> None:
    record = forged_pairs(many(made_video, 2), SPEC, 1.0)[1]
    with forged_file(record, detector=DETECTOR) as path:
        assert probe(path).codec == "h264"
    assert not path.exists()
