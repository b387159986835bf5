"""Coding history as far as a file tells it by itself: frame types, distances of key frames, what the encoder states,
and whether the sizes of the predicted frames keep the rhythm of an earlier encoding.

How often a video was encoded cannot be read from it. What an earlier encoding with a key frame every N frames may leave
is a rhythm: where it had a key frame, the frame's coding noise is another than its neighbours', and the later encoder
needs more bits to predict it (Wang and Farid, *Exposing Digital Forgeries in Video by Detecting Double MPEG
Compression*, 2006; Vázquez-Padín et al., *Detection of Video Double Encoding with GOP Size Estimation*, WIFS 2012).
Cuts, flashes and repeated frames at a fixed distance leave one, too; and an earlier encoding without regular key
frames, or much finer than the last, leaves none. So a rhythm is a fact to be looked into, and none is no proof.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CHANCE", "CodingHistory", "size_rhythm", "slice_kind", "stated_settings"]

CHANCE = 0.001
"""A rhythm is told if so few shuffles of the sizes have one as strong."""
SHUFFLES = 2000
AT_ONCE = 200
MOST_FRAMES = 1500
"""Frames that are looked at, from the beginning."""
LONGEST = 64
"""Frames from one key frame to the next that are looked for, at most."""
LEAST = 4
"""Likewise at least: shorter rhythms are those of B frames."""
BEATS = 5
"""Frames that a rhythm must have in the video."""
NEARLY = 0.9
"""Of rhythms that are nearly as strong as the strongest the shortest is told: a multiple of it is as regular."""
NEAR = 3
"""Frames after a key frame whose sizes do not count: the last encoder's own."""
WINDOW = 7
"""Frames of the same kind that a size is compared with."""
STRONGEST = 3.0
"""Bound of a size's departure from its neighbours, in their standard deviations: one cut is no rhythm."""

_X264 = bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef")
"""The identifier of x264's own message in the stream."""
_LONG = 1000
_TYPES = ("P", "B", "I", "SP", "SI")

Floats = NDArray[np.float64]


@dataclass(slots=True)
class CodingHistory:
    """Adds up a stream's packets.

    Args:
        extradata: of the codec, which says how H.264 is packed.
        h264: whether it is H.264; of other codecs only key frames are told.
    """

    extradata: bytes
    h264: bool
    _shown: list[tuple[int, int, bool, str]] = field(default_factory=list)
    _settings: str = ""

    def add(self, packet: Any) -> None:
        """A packet with a frame to show."""
        kind = ""
        if self.h264:
            data = bytes(packet)
            kind = slice_kind(data, self.extradata)
            if len(self._shown) == 0:
                self._settings = stated_settings(data) or stated_settings(self.extradata)
        place = packet.pts if packet.pts is not None else len(self._shown)
        self._shown.append((place, packet.size, bool(packet.is_keyframe), kind))

    def facts(self) -> dict[str, Any]:
        """As :func:`dfcore.data.media.facts.media_facts` tells them; a key that is missing is not known."""
        shown = sorted(self._shown)
        keys = np.flatnonzero([key for _, _, key, _ in shown])
        found: dict[str, Any] = {}
        types = Counter(kind[:1] for *_, kind in shown if kind)
        if types:
            found["frame_types"] = {name: types[name] for name in "IPB" if types[name]}
        gaps = np.diff(keys)
        if len(gaps):
            found["key_frame_distance"] = {
                "shortest": int(gaps.min()),
                "usual": int(np.median(gaps)),
                "longest": int(gaps.max()),
            }
        if self._settings:
            found["stated_settings"] = self._settings
            rate = {one.partition("=")[0]: one.partition("=")[2] for one in self._settings.split()}.get("rc", "")
            if rate:
                found["stated_passes"] = 2 if rate == "2pass" else 1
        if types:
            sizes = np.array([size for _, size, _, _ in shown], np.float64)
            rhythm, longest = size_rhythm(sizes, [kind for *_, kind in shown], keys)
            if rhythm is not None:
                found["size_rhythm"] = f"every {rhythm} frames"
            elif longest:
                found["size_rhythm"] = f"none found of {LEAST} to {longest} frames"
            else:
                found["size_rhythm"] = "too few frames to look for one"
        return found


def slice_kind(data: bytes, extradata: bytes) -> str:
    """Frame type of an H.264 packet's first slice and whether others are predicted from it: ``"P1"``; "" if unknown.

    Args:
        data: the packet.
        extradata: of the codec: in MP4 it says how long the lengths before the units are.
    """
    packed = len(extradata) > 4 and extradata[0] == 1
    for unit in _packed_units(data, (extradata[4] & 3) + 1) if packed else _marked_units(data):
        if len(unit) > 2 and unit[0] & 31 in (1, 5):
            bits = "".join(f"{byte:08b}" for byte in unit[1:13])
            _, bits = _number(bits)  # the slice's first macroblock
            kind, _ = _number(bits)
            return "" if kind > 9 else _TYPES[kind % 5] + ("1" if unit[0] >> 5 & 3 else "0")
    return ""


def _packed_units(data: bytes, width: int) -> list[bytes]:
    units, at = [], 0
    while at + width < len(data):
        length = int.from_bytes(data[at : at + width], "big")
        units.append(data[at + width : at + width + min(length, 16)])
        at += width + length
    return units


def _marked_units(data: bytes) -> list[bytes]:
    units, at = [], data.find(b"\0\0\1")
    while at >= 0:
        units.append(data[at + 3 : at + 19])
        at = data.find(b"\0\0\1", at + 3)
    return units


def _number(bits: str) -> tuple[int, str]:
    """An Exp-Golomb number (H.264, 9.1) and what follows it; beyond any that is asked for where the bits end."""
    zeros = len(bits) - len(bits.lstrip("0"))
    if 2 * zeros + 1 > len(bits):
        return 1 << 30, ""
    return int(bits[: 2 * zeros + 1], 2) - 1, bits[2 * zeros + 1 :]


def stated_settings(data: bytes) -> str:
    """The settings that x264 writes into its first packet, as text; "" where they are not there."""
    at = data.find(_X264)
    if at < 0:
        return ""
    text = data[at + len(_X264) : at + len(_X264) + 4 * _LONG].split(b"\0")[0].decode("ascii", "replace")
    options = text.partition("options:")[2]
    return " ".join(options.split())[:_LONG]


def size_rhythm(sizes: Floats, kinds: list[str], keys: NDArray[np.intp], *, seed: int = 0) -> tuple[int | None, int]:
    """Every how many frames the predicted frames are larger than their neighbours of the same kind, None where chance
    would do as well; and the longest distance that there are frames enough for, 0 for none.

    The strongest rhythm of all distances and starts is compared with the strongest of shuffled sizes. The last
    encoder's own is left out: frames near its key frames, and where these are regular, distances that fit theirs.

    Args:
        sizes: bytes of each frame, in the order of showing, ``[N]``.
        kinds: of each, as of :func:`slice_kind`.
        keys: which of them are key frames.
        seed: of the shuffles.
    """
    departures, places = _departures(sizes[:MOST_FRAMES], kinds[:MOST_FRAMES], keys[keys < MOST_FRAMES])
    gaps = np.diff(keys)
    own = int(gaps[0]) if len(gaps) and (gaps == gaps[0]).all() else 0
    held = [
        (beat, distance)
        for distance in range(LEAST, LONGEST + 1)
        if not own or (own % distance and distance % own)
        for start in range(distance)
        if len(beat := np.flatnonzero(places % distance == start)) >= BEATS
    ]
    if not held:
        return None, 0
    longest = max(distance for _, distance in held)
    table = np.zeros((len(held), len(places)))
    for row, (beat, _) in zip(table, held, strict=True):
        row[beat] = 1 / np.sqrt(len(beat))
    strengths = table @ departures
    best, rng = float(strengths.max()), np.random.default_rng(seed)
    as_strong = 0
    for _ in range(SHUFFLES // AT_ONCE):
        shuffled = np.stack([rng.permutation(departures) for _ in range(AT_ONCE)], axis=1)
        as_strong += int(((table @ shuffled).max(axis=0) >= best).sum())
    if as_strong + 1 > CHANCE * (SHUFFLES + 1):
        return None, longest
    strong = [distance for (_, distance), one in zip(held, strengths, strict=True) if one >= NEARLY * best]
    return min(strong), longest


def _departures(sizes: Floats, kinds: list[str], keys: NDArray[np.intp]) -> tuple[Floats, NDArray[np.intp]]:
    """How far each predicted frame's size lies above that of its neighbours, in standard deviations, and where."""
    near = {key + step for key in keys.tolist() for step in range(NEAR + 1)}
    found: list[tuple[int, float]] = []
    for kind in sorted(set(kinds)):
        own = [i for i, one in enumerate(kinds) if one == kind and i not in near and kind[:1] in ("P", "B")]
        if len(own) < WINDOW:
            continue
        logs, half = np.log(np.maximum(sizes[own], 1.0)), WINDOW // 2
        around = [
            float(np.median(np.concatenate([logs[max(0, i - half) : i], logs[i + 1 : i + half + 1]])))
            for i in range(len(own))
        ]
        off = logs - np.array(around)
        off -= np.median(off)
        spread = 1.4826 * float(np.median(np.abs(off))) + 1e-6
        found += zip(own, np.clip(off / spread, -STRONGEST, STRONGEST).tolist(), strict=True)
    found.sort()
    values, places = np.array([value for _, value in found]), np.array([place for place, _ in found], np.intp)
    return (values - values.mean()) / (values.std() + 1e-9) if len(values) else values, places
