"""What the file names of FaceForensics++ say, and the split that follows from them.

**FaceForensics++ proper.** The official lists hold 360, 70 and 70 pairs of video ids for train, val and test. A pair
``[a, b]`` stands for the originals ``a`` and ``b`` and, in each method, the fakes ``a_b`` and ``b_a`` (target, then
source): 720, 140 and 140 videos. So both identities of a fake are in its split. A fake whose two ids are in different
splits (nobody ships one, but people make their own) belongs to none and is left out.

**DeepFakeDetection (DFD).** It has no official split (FaceForensics issue 63). Its fakes
link the 28 actors to each other (as far as published file names tell, in two sets, of 18 and of 10), so a split by
connected identities would put a whole set, if not all, on one side. dfcore instead fixes which actors are held out
(:data:`ACTOR_SPLITS`): 20, 4 and 4, the shares of the official lists, from both sets, and in pairs that were swapped
with each other (18 and 25, 19 and 23; 13 and 14, 22 and 24). A fake that mixes actors of different splits is left out:
about four in ten of the pairs possible. The rule depends on neither a seed nor on what was downloaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from dfcore.data.records import FAKE, REAL, SPLITS

__all__ = ["ACTOR_SPLITS", "COMPRESSIONS", "PARTS", "Name", "Part", "identity_splits", "official_pairs", "split_of"]

COMPRESSIONS = {"raw": "raw", "c0": "raw", "c23": "c23", "c40": "c40"}
"""Folder name to compression; early downloads call ``raw`` ``c0``."""

ACTOR_SPLITS: Mapping[str, tuple[int, ...]] = {
    "train": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16, 17, 20, 21, 26, 27, 28),
    "val": (18, 19, 23, 25),
    "test": (13, 14, 22, 24),
}
"""Which of DFD's 28 actors are in which split."""

_SCENE = r"(?P<scene>[^_]+(?:_[^_]+)*)"


@dataclass(frozen=True, slots=True)
class Name:
    """What a file name says: who is in the video, and the stem of the video that it was made from."""

    identities: tuple[str, ...]
    original: str


@dataclass(frozen=True, slots=True)
class Part:
    """One folder of the dataset: an origin or a method, in all compressions.

    ``family`` says whose identities its names speak of: ``ff`` (video ids) or ``actor``.
    """

    folder: str
    manipulation: str
    label: int
    family: str
    expected: int

    def parse(self, stem: str) -> Name | None:
        """What the file name without its suffix says, or None when it is not a name of this part."""
        match = re.fullmatch(_PATTERNS[self.family, self.label], stem)
        if match is None:
            return None
        found = match.groupdict()
        identities = tuple(f"{self.family}:{found[key]}" for key in ("target", "source") if key in found)
        if self.label == REAL:
            return Name(identities, "")
        scene = f"__{found['scene']}" if "scene" in found else ""
        return Name(identities, found["target"] + scene)

    def count_missing(self, stems: set[str]) -> int:
        """How many of the part's official videos are not among ``stems``."""
        if self.family == "actor":
            return max(0, self.expected - len(stems))
        return len(_official_stems(self.label) - stems)


_PATTERNS = {
    ("ff", REAL): r"(?P<target>\d{3})",
    ("ff", FAKE): r"(?P<target>\d{3})_(?P<source>\d{3})",
    ("actor", REAL): rf"(?P<target>\d\d)__{_SCENE}",
    ("actor", FAKE): rf"(?P<target>\d\d)_(?P<source>\d\d)__{_SCENE}__[A-Za-z0-9]+",
}

PARTS = (
    Part("original_sequences/youtube", "original", REAL, "ff", 1000),
    Part("original_sequences/actors", "original", REAL, "actor", 363),
    *(
        Part(f"manipulated_sequences/{method}", method, FAKE, "ff", 1000)
        for method in ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
    ),
    Part("manipulated_sequences/DeepFakeDetection", "DeepFakeDetection", FAKE, "actor", 3068),
)
"""The dataset's parts, originals first."""


@cache
def official_pairs(split: str) -> tuple[tuple[str, str], ...]:
    """The official list of ``split``: pairs of three-digit video ids, 360 for train, 70 for val and for test."""
    text = files(__package__).joinpath("splits", "faceforensics", f"{split}.json").read_text(encoding="utf-8")
    return tuple((str(first), str(second)) for first, second in json.loads(text))


@cache
def identity_splits() -> Mapping[str, str]:
    """The split of each identity: ``ff:071`` (a video id) or ``actor:08``."""
    splits = {f"ff:{video}": split for split in SPLITS for pair in official_pairs(split) for video in pair}
    splits |= {f"actor:{actor:02d}": split for split, actors in ACTOR_SPLITS.items() for actor in actors}
    return splits


def split_of(identities: tuple[str, ...]) -> str | None:
    """The split that holds all ``identities``; None when they are in different ones, or one is unknown."""
    found = {identity_splits().get(identity) for identity in identities}
    return found.pop() if len(found) == 1 else None


@cache
def _official_stems(label: int) -> frozenset[str]:
    pairs = [pair for split in SPLITS for pair in official_pairs(split)]
    if label == REAL:
        return frozenset(video for pair in pairs for video in pair)
    return frozenset(stem for a, b in pairs for stem in (f"{a}_{b}", f"{b}_{a}"))
