"""The videos of one pair of people: two originals and two face swaps, with the history that real ones have.

An original of FaceForensics++ was uploaded (compressed once), downloaded, decoded, and compressed again to c23. A fake
was decoded from the same upload, its face was replaced by a newly made one, and the result was compressed to c23.
So every pixel of an original, and of a fake outside the face, went through the codec twice; the face of a fake once.
Here it is the same, and nothing else differs: scene, pose, lens, noise, frame rate, codec and its settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dfcore.testing.demo.codec import decode, encode
from dfcore.testing.demo.people.person import Person
from dfcore.testing.demo.scene import Take
from dfcore.testing.demo.swap import Swap

__all__ = ["C23", "Upload", "fake_frames", "fake_path", "original_path", "pair_videos"]

C23 = 23
"""The constant rate factor of the second generation, which names FaceForensics++'s ``c23``."""

_UPLOAD_CRF = (28, 32)
"""Range, inclusive, of the first generation's. Platforms compress hard; and the coarser the first generation is beside
the second, the plainer is its trace. It is plain here, so that a specialist learns it from few people within minutes:
24 to 28, nearer to FaceForensics++, took several times as many steps.
"""

Frames = list[NDArray[np.uint8]]


@dataclass(slots=True)
class Upload:
    """One person's take and its first generation, decoded: RGB frames [size, size, 3]."""

    take: Take
    frames: Frames

    @classmethod
    def make(cls, video_id: str, seed: int, frames: int, size: int) -> Upload:
        """The upload of the person whom ``video_id`` and ``seed`` determine."""
        own = int(np.random.SeedSequence([seed, int(video_id)]).generate_state(1)[0])
        take = Take(Person.draw(own), own, frames, size)
        low, high = _UPLOAD_CRF
        crf = int(np.random.default_rng([own, 0xC4F]).integers(low, high + 1))
        return cls(take, decode(encode((take.frame(index) for index in range(frames)), crf)))


def fake_frames(target: Upload, source: Person) -> Frames:
    """``target``'s decoded upload with the face of ``source`` in it, before the second generation."""
    swap = Swap(target.take, source)
    frames = [frame.copy() for frame in target.frames]
    for index, frame in enumerate(frames):
        swap.paste(frame, index)
    return frames


def pair_videos(pair: tuple[str, str], seed: int, frames: int, size: int) -> Iterator[tuple[str, bytes]]:
    """Path below the root and bytes of the four files of ``pair``, in FaceForensics++'s layout."""
    one, two = ((video, Upload.make(video, seed, frames, size)) for video in pair)
    for (target_id, target), (source_id, source) in ((one, two), (two, one)):
        yield original_path(target_id), encode(target.frames, C23)
        yield fake_path(target_id, source_id), encode(fake_frames(target, source.take.person), C23)


def original_path(video: str) -> str:
    """Where the layout has an original."""
    return f"original_sequences/youtube/c23/videos/{video}.mp4"


def fake_path(target: str, source: str) -> str:
    """Where the layout has the fake of two ids."""
    return f"manipulated_sequences/Deepfakes/c23/videos/{target}_{source}.mp4"
