"""What a file's container and streams say of themselves: facts to be shown beside a verdict, never a part of one.

Real and fake share their last encoder, so nothing here is evidence. What the file states of its tools is told to a
reader alone, under ``stated_``: no specialist sees it, for in datasets it gives the label away.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dfcore.data.media.coding.history import CodingHistory
from dfcore.data.media.container import codec_name, frame_rate, open_media, origin, video_stream
from dfcore.data.media.images.still import codec_of, is_image
from dfcore.data.media.stream import packets

__all__ = ["media_facts"]

LONGEST_TAG = 200
UNEVEN = 0.1
"""Share of the usual step from which on a frame's step counts as irregular."""


def media_facts(path: Path) -> dict[str, Any]:
    """Facts of a file, as ``json`` takes them; a key that is missing is not known.

    ===========================  =====================================================================================
    ``size``                     bytes
    ``container``                FFmpeg's name of the format
    ``codec``, ``profile``       of the images; the profile as the encoder states it (``High``)
    ``width``, ``height``        of the coded frame in pixels
    ``pixel_format``             as coded
    ``fps``                      average frames a second
    ``frames``                   packets with a frame to show
    ``duration``                 seconds, of the images
    ``bit_rate``                 bits a second of the whole file
    ``key_frames``               how many frames stand by themselves
    ``key_frame_distance``       frames from one to the next: ``shortest``, ``usual`` and ``longest``
    ``frame_types``            H.264: how many frames are ``I``, ``P`` and ``B``
    ``stated_passes``            H.264 by x264: 2 where its settings say that a pass before planned the sizes, else 1
    ``stated_settings``          likewise the settings themselves
    ``size_rhythm``              H.264: whether predicted frames are larger every so many frames, as an earlier encoding
                                 with regular key frames may leave it (:mod:`dfcore.data.media.coding.history`)
    ``stated_encoder``, ``stated_time``, ``stated_brand``
                                 the writing program, the time of creation and the MP4 brand, as the file states them
    ``longest_gap``              seconds of the longest step from one frame to the next
    ``irregular_steps``          frames whose step from the one before differs by over a tenth from the usual one
    ``edited_time_base``         whether frames are there that are not to be shown, as edits leave them
    ``audio_codec``, ``audio_rate``, ``audio_channels``
                                 of the first audio track; the rate in Hz
    ``audio_start``              seconds from the first frame to the first audio
    ``audio_duration``           seconds
    ===========================  =====================================================================================

    Raises:
        MediaError: it cannot be read.
    """
    path = Path(path)
    facts: dict[str, Any] = {}
    if is_image(path):
        with Image.open(path) as image:
            facts |= {"codec": codec_of(path), "width": image.width, "height": image.height, "pixel_format": image.mode}
        return {"size": path.stat().st_size, **facts}
    with open_media(path) as container:
        stream = video_stream(container, path)
        facts["container"] = container.format.name
        facts |= {name: tag for name, tag in _stated(container, stream).items() if tag}
        facts |= _video(stream, container, path)
    with open_media(path) as container:
        facts |= _audio(container, origin(video_stream(container, path)), path)
    size = path.stat().st_size
    if facts.get("duration"):
        facts["bit_rate"] = round(8 * size / facts["duration"])
    told = {name: value for name, value in facts.items() if name.startswith("stated_")}
    return {"size": size, **{name: value for name, value in facts.items() if name not in told}, **told}


def _video(stream: Any, container: Any, path: Path) -> dict[str, Any]:
    context = stream.codec_context
    facts: dict[str, Any] = {
        "codec": codec_name(stream),
        "profile": context.profile,
        "width": context.width,
        "height": context.height,
        "pixel_format": context.pix_fmt,
        "fps": round(frame_rate(stream), 3),
    }
    stamps, hidden, keys, count, end = [], 0, 0, 0, None
    history = CodingHistory(bytes(context.extradata or b""), facts["codec"] == "h264")
    for packet in packets(container, stream, path):
        if packet.is_discard:
            hidden += 1
            continue
        history.add(packet)
        count, keys = count + 1, keys + bool(packet.is_keyframe)
        if packet.pts is not None:
            stamps.append(packet.pts)
            end = max(end or 0, packet.pts + (packet.duration or 0))
    facts |= {"frames": count, "key_frames": keys, "edited_time_base": hidden > 0}
    if len(stamps) == count and count > 1:
        times = np.sort(np.array(stamps, np.float64)) * float(stream.time_base)
        steps = np.diff(times)
        usual = float(np.median(steps))
        facts["duration"] = round(max(float((end or 0) * stream.time_base), times[-1]) - float(times[0]), 3)
        facts["longest_gap"] = round(float(steps.max()), 4)
        facts["irregular_steps"] = int((np.abs(steps - usual) > UNEVEN * usual).sum()) if usual > 0 else 0
    return {**{key: value for key, value in facts.items() if value is not None}, **history.facts()}


def _stated(container: Any, stream: Any) -> dict[str, str]:
    """What the file says of its making; anybody can write there what they like."""
    tags = {**container.metadata, **stream.metadata}
    return {
        "stated_encoder": str(container.metadata.get("encoder") or stream.metadata.get("encoder") or "")[:LONGEST_TAG],
        "stated_time": str(tags.get("creation_time") or "")[:LONGEST_TAG],
        "stated_brand": str(tags.get("major_brand") or "").strip()[:LONGEST_TAG],
    }


def _audio(container: Any, zero: float, path: Path) -> dict[str, Any]:
    streams = [one for one in container.streams.audio if one.codec_context is not None]
    if not streams:
        return {"audio_codec": "none"}
    stream, context = streams[0], streams[0].codec_context
    facts: dict[str, Any] = {
        "audio_codec": codec_name(stream),
        "audio_rate": context.sample_rate,
        "audio_channels": context.channels,
        "audio_start": round(origin(stream) - zero, 4),
    }
    ends = [
        packet.pts + (packet.duration or 0) for packet in packets(container, stream, path) if packet.pts is not None
    ]
    if ends:
        facts["audio_duration"] = round(float(max(ends) * stream.time_base) - origin(stream), 3)
    return {key: value for key, value in facts.items() if value is not None}
