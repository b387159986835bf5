"""How long preparing a 300-frame 720p video takes, against one bare decode pass of it.

    python benchmarks/prepare/video.py [VIDEO]

Prepared: four clips of eight frames, face tracks included, written to a store. CM's ghost maps (six re-encodings of
each clip) are timed apart; "landmarks" is preparing with the dense landmarks of every stored frame. The last line is
processor time of one face on one thread. Without VIDEO a made one is used: a demo person enlarged to 1280x720. All are
measured in turn and medians compared. The made one has 2.6 Mbit/s, as such videos on the web; at x264's own default the
grain of its enlarged images takes 10, and decoding and re-encoding it three times as long as a real file.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import av
import numpy as np

from dfcore.data.clips import Clip
from dfcore.data.clips.plan import LANDMARKS, ClipPlan
from dfcore.data.faces.dense import DenseLandmarks
from dfcore.data.faces.look import find_detector
from dfcore.data.prepare.extract import extract_clips
from dfcore.data.store.clip_store import ClipStore
from dfcore.testing.demo import render_person
from dfcore.testing.media import write_video

ROUNDS = 7


def decode_pass(path: Path, threads: str) -> int:
    """The least that any preparation must do: decode every frame, keep none.

    ``SLICE`` is PyAV's default, one core for most files; ``AUTO`` decodes several frames at once. Preparing has to use
    the former where it reads the quantisers, since FFmpeg's frame threads give wrong ones.
    """
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = threads
        return sum(1 for _ in container.decode(video=0))


def made_video(folder: Path, count: int = 300) -> Path:
    person = render_person(1, 30, 384)
    frames = np.zeros((30, 720, 1280, 3), np.uint8)
    large = person.repeat(2, axis=1).repeat(2, axis=2)[:, 24:744]
    frames[:, :, 256:1024] = large
    frames[:, :, :256], frames[:, :, 1024:] = large[:, :, :256], large[:, :, -256:]
    there_and_back = np.concatenate([frames, frames[::-1]])
    path = folder / "made.mp4"
    return write_video(
        path,
        width=1280,
        height=720,
        frames=count,
        image=lambda index: there_and_back[index % len(there_and_back)],
        options={"crf": "28"},
    )


def face_time(clips: Sequence[Clip]) -> float:
    """Milliseconds of processor time for the dense landmarks of one face, on one thread; the least of the rounds."""
    model, found = DenseLandmarks(), []
    images = [frame for clip in clips for frame in clip.y]
    five = np.concatenate([np.array(clip.header.landmarks) - clip.header.window[:2] for clip in clips])
    for _ in range(ROUNDS):
        start = time.process_time()
        model.locate(images, five)
        found.append(1000 * (time.process_time() - start) / len(images))
    return min(found)


def main() -> None:
    from dfs_cm.evidence import extract_ghost  # an installed plugin

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else made_video(folder)
        plan, store = ClipPlan(), ClipStore(folder / "store")
        find_detector(plan.detector)  # loading the network is paid once a process, not once a video
        dense = replace(plan, landmarks=LANDMARKS)
        extract_clips(path, dense)  # likewise
        times: dict[str, list[float]] = {
            "decode": [],
            "decode, threads": [],
            "prepare": [],
            "ghost": [],
            "landmarks": [],
        }
        for _ in range(ROUNDS):
            start = time.perf_counter()
            frames = decode_pass(path, "SLICE")
            sliced = time.perf_counter()
            decode_pass(path, "AUTO")
            decoded = time.perf_counter()
            clips = extract_clips(path, plan)
            store.write("video", clips)
            prepared = time.perf_counter()
            for clip in clips:
                extract_ghost(clip)
            times["decode"].append(sliced - start)
            times["decode, threads"].append(decoded - sliced)
            times["prepare"].append(prepared - decoded)
            extracted = time.perf_counter()
            store.write("dense", extract_clips(path, dense))
            times["landmarks"].append(time.perf_counter() - extracted)
            times["ghost"].append(extracted - prepared)
        source = clips[0].source
        print(f"{source.width}x{source.height}, {frames} frames, {source.codec}; {len(clips)} clips kept")
        base = median(times["decode"])
        for label, measured in times.items():
            print(f"{label:<15} median {median(measured):6.3f} s   x {median(measured) / base:.2f}")
        print(f"a face          {face_time(clips):.2f} ms of processor time")


if __name__ == "__main__":
    main()
