"""Which frames of a video's clips are judged."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["positions", "spread"]


def spread(lengths: Sequence[int], samples: int, frames: int = 1) -> list[tuple[int, list[int]]]:
    """Fixed samples of clips with ``lengths`` frames: ``(clip, positions)``, spread evenly over clips and frames.

    Each sample is ``frames`` consecutive positions. No two are the same, so a photo gives one sample however many are
    asked for. Clips that are too short are left out; when all are, the longest gives one sample, its last
    frame repeated.

    Args:
        lengths: frames of each clip.
        samples: how many at most.
        frames: consecutive frames per sample.
    """
    starts = {clip: length - frames + 1 for clip, length in enumerate(lengths) if length >= frames}
    if not starts:
        longest = max(range(len(lengths)), key=lambda clip: lengths[clip])
        return [(longest, positions(0, frames, lengths[longest]))]
    shares = dict.fromkeys(starts, 0)
    total = min(samples, sum(starts.values()))
    if total < len(starts):
        clips = list(starts)
        for i in range(total):
            shares[clips[(2 * i + 1) * len(clips) // (2 * total)]] = 1
    while sum(shares.values()) < total:  # one more for each clip in turn, as long as it has other frames left
        for clip in starts:
            if shares[clip] < starts[clip] and sum(shares.values()) < total:
                shares[clip] += 1
    return [
        (clip, positions((2 * i + 1) * starts[clip] // (2 * share), frames, lengths[clip]))
        for clip, share in shares.items()
        for i in range(share)
    ]


def positions(start: int, frames: int, length: int) -> list[int]:
    """So many consecutive positions from ``start``, the last of a clip of ``length`` frames repeated beyond its end."""
    return [min(start + i, length - 1) for i in range(frames)]
