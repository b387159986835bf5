"""Decoding of videos, images and audio: one forward pass, nothing resized, nothing converted without need."""

from dfcore.data.colour import yuv_to_rgb
from dfcore.data.media.audio import SAMPLE_RATE, decode_audio
from dfcore.data.media.frames import DecodedFrame, decode
from dfcore.data.media.probe import MediaInfo, probe

__all__ = ["SAMPLE_RATE", "DecodedFrame", "MediaInfo", "decode", "decode_audio", "probe", "yuv_to_rgb"]
