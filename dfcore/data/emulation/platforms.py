"""The platforms that are emulated, and which videos go through one in training.

The figures are of public knowledge and typical, not measured here; services change them, and choose by the video.

==============  =======================================================================================================
``youtube_360`` ``youtube_720``   bit rates as the H.264 streams that YouTube delivers commonly have (formats 18 and
                136, as download tools list them; its help page "Recommended upload encoding settings" is about uploads)
``x_360``       ``x_720``   the variants of 832 and 2176 kbit/s that the X (Twitter) API lists for a video
                (``video_info.variants``, "Data dictionary: media object")
``hls_540``     the 960x540 variant of the example ladder in Apple's "HLS Authoring Specification for Apple Devices"
``messenger``   480 lines at about 1 Mbit/s, as messengers re-encode on the phone to stay within their size limits
                (16 MB for a video in WhatsApp's "Cloud API: supported media types")
==============  =======================================================================================================
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dfcore.data.records import VideoRecord, emulated_id
from dfcore.errors import UnknownNameError
from dfcore.text import name_bytes

__all__ = ["PLATFORMS", "Platform", "emulated", "emulated_share", "find_platform"]

_WIDE = 16 / 9
_LEAST = 64_000
"""Bits a second: no service delivers less."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A service's re-scaling and re-encoding.

    Attributes:
        name: what a user types.
        side: the shorter side that larger videos are reduced to, in pixels; smaller ones keep their size.
        bit_rate: bits a second of a 16:9 video of that size; of a smaller one as many for each pixel.
        profile: of H.264.
        key_frames: seconds from one key frame to the next, at most.
    """

    name: str
    side: int
    bit_rate: int
    profile: str = "high"
    key_frames: float = 5.0

    def size(self, width: int, height: int) -> tuple[int, int]:
        """What an upright video of that size is re-scaled to: even sides, none below 16."""
        scale = min(1.0, self.side / min(width, height))
        across, down = (max(16, 2 * round(scale * side / 2)) for side in (width, height))
        return across, down

    def bits(self, width: int, height: int) -> int:
        """Bits a second of a video that is re-scaled to that size."""
        whole = self.side * self.side * _WIDE
        return max(_LEAST, round(self.bit_rate * min(1.0, width * height / whole)))


PLATFORMS = {
    one.name: one
    for one in (
        Platform("youtube_360", 360, 550_000, "main"),
        Platform("youtube_720", 720, 1_500_000),
        Platform("x_360", 360, 832_000, "main", 3.0),
        Platform("x_720", 720, 2_176_000, "high", 3.0),
        Platform("hls_540", 540, 2_000_000, "high", 2.0),
        Platform("messenger", 480, 1_000_000, "baseline", 2.0),
    )
}
"""By their names."""


def find_platform(name: str) -> Platform:
    """The platform of that name.

    Raises:
        UnknownNameError: there is none; the nearest is suggested.
    """
    if name not in PLATFORMS:
        raise UnknownNameError("platform", name, PLATFORMS)
    return PLATFORMS[name]


def emulated(record: VideoRecord, platform: str) -> VideoRecord:
    """The record of the same video as it comes from a platform."""
    return replace(record, id=emulated_id(record.id, platform), emulation=platform)


def emulated_share(
    records: Sequence[VideoRecord], platforms: Sequence[str], share: float, *, seed: int = 0
) -> list[VideoRecord]:
    """Further records for a share of the videos, each through one of the platforms.

    A fake goes with its original, and through the same platform: so that it does not tell the classes apart. A larger
    share has the videos of a smaller one.

    Args:
        records: videos as they were found; pseudo-fakes among them, which are encoded for themselves, are passed over.
        platforms: names, of which one is drawn for each original.
        share: of the originals, 0 to 1.
        seed: of what is drawn.

    Raises:
        UnknownNameError: there is no platform of a name.
    """
    names = [find_platform(name).name for name in platforms]
    made = []
    for record in records if names else ():
        if record.forgery is not None:
            continue
        digest = hashlib.blake2b(name_bytes(f"{seed}/{record.original or record.id}"), digest_size=16).digest()
        if int.from_bytes(digest[:8], "little") / 2**64 < share:
            made.append(emulated(record, names[int.from_bytes(digest[8:], "little") % len(names)]))
    return made
