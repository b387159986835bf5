"""Clips along a whole video, a stretch at a time: one forward pass, and memory that does not grow with the length.

A specialist's verdict rests on a few clips of a video. Where in it something happens is told by clips all along. Faces
are followed within a stretch; who is who from one stretch to the next is for the caller to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dfcore.data.clips.plan import REFERENCE, ClipPlan, reference_spans, side_data_for
from dfcore.data.media import MediaInfo, decode
from dfcore.data.media.audio import AudioSpans, decode_audio_spans
from dfcore.data.prepare.choose import Chosen
from dfcore.data.prepare.cut import cut_clips
from dfcore.data.prepare.extract import (
    Needs,
    Work,
    check_sizes,
    choose_clips,
    find_detectors,
    probe_file,
    source_of,
)
from dfcore.data.prepare.extracted import Extracted
from dfcore.data.prepare.speech import frame_times, speech_spans
from dfcore.data.prepare.watch import HELD_BYTES, Watcher, looking
from dfcore.data.protocols import FaceDetector
from dfcore.errors import MediaError, UsageError

__all__ = ["MOST_CLIPS", "extract_along", "spans_along"]

MOST_CLIPS = 240
"""Clips along a video; of a longer one they lie further apart."""
LEAST_CLIPS = 4
"""Likewise of a short one, as far as it has frames for them."""
STRETCH = 12
"""Clips of a stretch, at most."""


def spans_along(frame_count: int, fps: float, every: float, frames: int = REFERENCE) -> list[range]:
    """The reference spans of clips all along a video, in equal parts of it.

    Args:
        frame_count: the video's.
        fps: its frames a second.
        every: seconds from one clip to the next; less in a video of a few seconds, more in a very long one.
        frames: what a clip has.

    Raises:
        UsageError: ``every`` is not above 0.
    """
    if not every > 0:
        raise UsageError(f"clips along a video must lie more than 0 seconds apart, not {every}.")
    wanted = round(frame_count / max(fps, 1.0) / every)
    return reference_spans(frame_count, max(LEAST_CLIPS, min(MOST_CLIPS, wanted)), frames)


def extract_along(
    path: Path,
    plans: Sequence[ClipPlan],
    *,
    every: float = 1.0,
    detector: FaceDetector | None = None,
    threads: int = 0,
) -> Iterator[list[Extracted]]:
    """What each plan gives of a file if its clips lie all along it: for each stretch in turn a list as of
    :func:`dfcore.data.prepare.extract.extract_for_plans`.

    Args:
        path: the file.
        plans: what to cut out; ``clips`` is taken from the length.
        every: seconds from one clip to the next, at least.
        detector: finds faces; None takes each plan's.
        threads: decoding threads; 0 means one per core.

    Raises:
        MediaError: the file cannot be decoded.
        PluginError: a detector raised something.
    """
    path = Path(path)
    info = probe_file(path)
    stretches = _stretches(path, info, plans, every)
    source = source_of(path, info, None)
    detectors = find_detectors(plans, detector)
    audio = _audio(path, info, plans, stretches)
    needs = [Needs.of(works, detectors) for works in stretches]
    with looking() as helper:
        waiting = [_Stretch(info, works, need, detectors, helper) for works, need in zip(stretches, needs, strict=True)]
        for one in _filled(path, info, waiting, plans, threads):
            footage = one.watcher.finish()
            check_sizes(path, footage)
            chosen = [choose_clips(path, info, work, footage) if work.spans else Chosen() for work in one.works]
            cut = cut_clips(
                *(path, source, info, footage, audio, chosen, plans),
                detectors=detectors,
                threads=threads,
            )
            yield [Extracted(tuple(c), of.reason, of.people_seen) for c, of in zip(cut, chosen, strict=True)]
            one.empty()


class _Stretch:
    """One stretch of the file while it is decoded."""

    def __init__(
        self,
        info: MediaInfo,
        works: list[Work],
        needs: Needs,
        detectors: dict[str, FaceDetector],
        helper: ThreadPoolExecutor,
    ) -> None:
        self.works, self.wanted, self.kept, self.last = works, needs.all, needs.kept, max(needs.all)
        self.seen = needs.kept.union(*(looks.all for looks in needs.looks.values()))
        self._new = lambda: Watcher(info, needs.kept, needs.heard, needs.looks, detectors, helper)
        self.watcher = self._new()

    def empty(self) -> None:
        """Let go of the frames."""
        self.watcher = self._new()


def _filled(
    path: Path, info: MediaInfo, waiting: list[_Stretch], plans: Sequence[ClipPlan], threads: int
) -> Iterator[_Stretch]:
    """The stretches as the pass goes by the last frame of each. Speech may reach into the next one's frames."""
    wanted: set[int] = set().union(*(one.wanted for one in waiting))
    kept: set[int] = set().union(*(one.kept for one in waiting))
    mouths = wanted.difference(*(one.seen for one in waiting))
    side_data, motion = side_data_for(plans)
    told = kept if side_data else False
    for frame in decode(
        path, wanted, side_data=told, motion=motion, luma_alone=mouths, pass_unread=True, threads=threads
    ):
        for one in waiting:
            if frame.index in one.wanted:
                one.watcher.take(frame)
        index = frame.index
        del frame
        while waiting and waiting[0].last <= index:
            yield waiting.pop(0)
    yield from waiting


def _stretches(path: Path, info: MediaInfo, plans: Sequence[ClipPlan], every: float) -> list[list[Work]]:
    """For each stretch the work of each plan."""
    spans = [spans_along(info.frame_count, info.fps, every, plan.frames) for plan in plans]
    if not any(spans):
        raise MediaError(f"{path}: it holds no frames.")
    speech = [speech_spans(path, info, of, plan.speech) for plan, of in zip(plans, spans, strict=True)]
    held = HELD_BYTES // max(1, info.width * info.height * 3 // 2)
    longest = max(max(REFERENCE, plan.frames) for plan in plans)
    size = max(1, min(STRETCH, held // longest))
    middles = sorted({_middle(span) for of in spans for span in of})
    stretches = []
    for start in range(0, len(middles), size):
        inside = set(middles[start : start + size])
        works = []
        for plan, of, heard in zip(plans, spans, speech, strict=True):
            own = [span for span in of if _middle(span) in inside]
            works.append(Work.of(plan, own, {s.start: heard[s.start] for s in own if s.start in heard}, info.fps))
        stretches.append(works)
    return stretches


def _middle(span: range) -> int:
    return (span.start + span.stop) // 2


def _audio(
    path: Path, info: MediaInfo, plans: Sequence[ClipPlan], stretches: Sequence[Sequence[Work]]
) -> AudioSpans | None:
    """The audio about all clips, read once: a few seconds of each."""
    if not info.has_audio or not any(plan.audio for plan in plans):
        return None
    times = frame_times(path, info)
    wanted = []
    for work in (work for works in stretches for work in works if work.plan.audio):
        for span in work.spans:
            first, last = (float(times[min(frame, len(times) - 1)]) for frame in (span.start, span.stop - 1))
            if last - first < 10:
                wanted.append((first - 0.5, last + 0.5))
        wanted += [(float(s.times[0]), float(s.times[-1]) + 1.0) for s in work.speech.values()]
    return decode_audio_spans(path, wanted) if wanted else None
