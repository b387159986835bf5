"""Decoding of videos, pictures and sound: one forward pass, nothing resized, nothing converted without need."""

from dfcore.data.colour import yuv_to_rgb
from dfcore.data.decode.audio import SAMPLE_RATE, decode_audio
from dfcore.data.decode.frames import DecodedFrame, decode
from dfcore.data.decode.probe import MediaInfo, probe

__all__ = ["SAMPLE_RATE", "DecodedFrame", "MediaInfo", "decode", "decode_audio", "probe", "yuv_to_rgb"]
