"""Which container formats are read: those that hold their content themselves.

A playlist, a manifest or a pattern of names points to other files or to addresses: FFmpeg would open them, and connect
to where they say. So FFmpeg is told which demuxers it may use, and that it may open local files alone.
"""

from __future__ import annotations

import re

__all__ = ["DEMUXERS", "MAX_ASPECT", "MAX_PIXELS", "OPEN_OPTIONS", "looks_like_text", "points_elsewhere"]

_CONTAINERS = """
    mov mp4 matroska webm avi flv live_flv asf asf_o mpeg mpegts mpegtsraw ogg rm mxf wtv gxf nut nsv nuv dv ivf obu swf
    mpegvideo m4v h261 h263 h264 hevc vvc evc dirac dnxhd cavsvideo avs2 avs3 vc1 vc1test mjpeg mjpeg_2000 yuv4mpegpipe
    gif apng jpegxl_anim
"""
_PHOTOS = """
    bmp_pipe dds_pipe dpx_pipe exr_pipe gif_pipe hdr_pipe j2k_pipe jpeg_pipe jpegls_pipe jpegxl_pipe pam_pipe pbm_pipe
    pcx_pipe pfm_pipe pgm_pipe pgmyuv_pipe png_pipe ppm_pipe psd_pipe qoi_pipe sgi_pipe sunrast_pipe tiff_pipe webp_pipe
    image2
"""
_AUDIO = "aac ac3 aiff amr ape au caf dts eac3 flac mp3 tta w64 wav wv"
DEMUXERS = frozenset(f"{_CONTAINERS} {_PHOTOS} {_AUDIO}".split())
"""FFmpeg's names of the demuxers that may be used. Audio alone is known, so that a file of it can be called that."""

MAX_PIXELS = 2**26
"""Pixels of the largest frame that is decoded: 8192x8192. A decoder holds a dozen frames, of 100 MB each then."""

MAX_ASPECT = 50
"""Longer side by shorter side at most. No face is in view in a longer strip, and scaling it is dear."""

OPEN_OPTIONS = {
    "format_whitelist": ",".join(sorted(DEMUXERS)),
    "protocol_whitelist": "file",
    "pattern_type": "none",  # of image2: a % in a photo's name is a letter
    "enable_drefs": "0",  # of mov: tracks that lie in other files
}
"""Options of opening; a demuxer leaves alone those that it does not have."""

_POINTERS = (
    (r"#EXTM3U", "an M3U or HLS playlist"),
    (r"ffconcat version", "a list for FFmpeg's concat"),
    (r"<\?xml[^>]*\?>\s*(<!--.*?-->\s*)*<MPD\b|<MPD\b", "a DASH manifest"),
    (r"v=0\r?\n", "an SDP session description"),
    (r"\[playlist\]", "a PLS playlist"),
    (r"<asx\b", "an ASX playlist"),
    (r"\[Reference\]|ASF\s+https?:", "an ASF redirector"),
    (r"RTSPtext|SMILtext|rtsptext", "a QuickTime redirector"),
    (r"\[InternetShortcut\]", "an internet shortcut"),
    (r"(<\?xml[^>]*\?>\s*)?(<!DOCTYPE[^>]*>\s*)?<(smil|playlist|SmoothStreamingMedia|AssetMap|CompositionPlaylist)\b",
     "a playlist or manifest in XML"),
    (r"file\s+['\"]?\S+", "a list for FFmpeg's concat"),
    (r"[a-z][a-z0-9+.-]+://\S+\s*$", "a list of addresses"),
)  # fmt: skip


def points_elsewhere(head: bytes) -> str:
    """What a file is that begins so and only points to others ("an HLS playlist"), or ""."""
    text = head.removeprefix(b"\xef\xbb\xbf").decode("latin-1").lstrip()
    found = (name for pattern, name in _POINTERS if re.match(pattern, text, re.IGNORECASE | re.DOTALL | re.MULTILINE))
    return next(found, "")


def looks_like_text(head: bytes) -> bool:
    """Whether the first bytes of a file are printable UTF-8."""
    if b"\0" in head:
        return False
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return all(letter.isprintable() or letter.isspace() for letter in text)
