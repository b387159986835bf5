"""Good files of every kind, small: what the mutants are made of, and their neighbours."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from dfcore.testing.media import scene, tone, write_video

from . import parts  # noqa: F401 - puts the tests' helpers on the path

__all__ = ["DATASETS", "VIDEOS", "Samples", "make_samples"]

SIDE, FRAMES, FPS = 144, 6, 10.0
_FAST = {"deadline": "realtime", "cpu-used": "8"}

VIDEOS: Mapping[str, dict[str, Any]] = {
    "h264.mp4": {},
    "h264_audio.mp4": {"audio": 1},
    "h264_fragments.mp4": {"audio": 1, "container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "h264_turned.mp4": {"rotation": 90},
    "h264.mkv": {"audio": 1, "audio_codec": "flac"},
    "h264.ts": {"audio": 1},
    "h264.flv": {"audio": 1},
    "h264.nut": {},
    "h264.h264": {},
    "hevc.mp4": {"codec": "libx265"},
    "hevc_10bit.mov": {"codec": "libx265", "pix_fmt": "yuv420p10le", "audio": 1},
    "hevc.hevc": {"codec": "libx265"},
    "vp8.webm": {"codec": "libvpx", "options": _FAST, "audio": 1, "audio_codec": "libopus"},
    "vp8.ogv": {"codec": "libvpx", "options": _FAST, "audio": 1, "audio_codec": "flac"},
    "vp9.webm": {"codec": "libvpx-vp9", "options": _FAST},
    "vp9.ivf": {"codec": "libvpx-vp9", "options": _FAST},
    "av1.mp4": {"codec": "libsvtav1", "options": {"preset": "12"}},
    "av1.obu": {"codec": "libsvtav1", "options": {"preset": "12"}},
    "mpeg4.avi": {"codec": "mpeg4", "audio": 1, "audio_codec": "libmp3lame"},
    "mpeg4.3gp": {"codec": "mpeg4"},
    "msmpeg4.avi": {"codec": "msmpeg4"},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p", "audio": 1, "audio_codec": "pcm_s16le"},
    "mjpeg.mjpg": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "mpeg1.mpg": {"codec": "mpeg1video", "fps": 25.0},
    "mpeg2.mpg": {"codec": "mpeg2video", "fps": 25.0, "audio": 1, "audio_codec": "mp2"},
    "mpeg2.mxf": {"codec": "mpeg2video", "fps": 25.0},
    "ffv1.mkv": {"codec": "ffv1"},
    "prores.mov": {"codec": "prores", "pix_fmt": "yuv422p10le"},
    "wmv2.wmv": {"codec": "wmv2", "audio": 1, "audio_codec": "wmav2"},
    "flv1.flv": {"codec": "flv"},
    "rv10.rm": {"codec": "rv10"},
    "h263.3gp": {"codec": "h263", "width": 176, "height": 144},
    "gif.gif": {"codec": "gif", "pix_fmt": "rgb8"},
    "apng.apng": {"codec": "apng", "pix_fmt": "rgb24"},
}
"""Arguments of ``write_video`` by the file's name; ``audio`` is made here."""

_PHOTOS: Mapping[str, dict[str, Any]] = {
    "photo.jpg": {}, "progressive.jpg": {"progressive": True, "exif": 6}, "photo.png": {}, "photo.webp": {"exif": 3},
    "lossless.webp": {"lossless": True}, "photo.bmp": {}, "photo.tif": {}, "photo.avif": {"exif": 8}, "photo.jp2": {},
    "photo.ppm": {},
}  # fmt: skip


@dataclass(frozen=True)
class Samples:
    """Folders of good files; ``skipped`` are those that this build of FFmpeg or Pillow cannot write."""

    root: Path
    media: tuple[Path, ...]
    good: tuple[Path, ...]
    models: Path
    lists: Path
    store: Path
    runs: Path
    skipped: tuple[str, ...]


def make_samples(root: Path, *, kinds: tuple[str, ...]) -> Samples:
    """Write the good files below ``root``, those of ``kinds`` alone."""
    media, skipped = _media(root / "media")
    good = (root / "good_video.mp4", root / "good_photo.png")
    write_video(good[0], width=SIDE, height=SIDE, frames=FRAMES, fps=FPS, audio=tone(FRAMES / FPS), seed=7)
    Image.fromarray(scene(SIDE, SIDE, seed=8)).save(good[1])
    samples = Samples(
        root, tuple(media), good, root / "models", root / "lists", root / "store", root / "runs", tuple(skipped)
    )
    if "weights" in kinds or "media" in kinds:
        _weights(samples.models)
    if "list" in kinds:
        _lists(samples.lists)
    if "store" in kinds:
        _store(samples)
    if "run" in kinds:
        _runs(samples.runs)
    return samples


def _media(folder: Path) -> tuple[list[Path], list[str]]:
    folder.mkdir(parents=True)
    os.environ.setdefault("SVT_LOG", "0")  # else its encoder prints
    skipped = []
    for name, given in VIDEOS.items():
        arguments = {"width": SIDE, "height": SIDE, "frames": FRAMES, "fps": FPS, **given}
        if "audio" in given:
            arguments["audio"] = tone(FRAMES / arguments["fps"])
        try:
            write_video(folder / name, **arguments)
        except Exception as error:  # whatever an encoder says that this build does not have
            (folder / name).unlink(missing_ok=True)
            skipped.append(f"{name} ({error})")
    for name, given in _PHOTOS.items():
        _photo(folder / name, **given)
    images = [Image.fromarray(scene(SIDE, SIDE, i)) for i in range(4)]
    for name in ("animated.webp", "animated.png"):
        images[0].save(folder / name, save_all=True, append_images=images[1:], duration=100)
    import heif_files

    for name, codec in (("tiles.heic", "hevc"), ("tiles.avif", "av1")):
        try:
            heif_files.write_grid(folder / name, scene(256, 256), 2, 2, codec=codec)
        except Exception as error:  # as above
            skipped.append(f"{name} ({error})")
            (folder / "tiles.tile.mp4").unlink(missing_ok=True)
    for said in skipped:  # another in its place, so that the others keep their numbers
        name = said.partition(" ")[0]
        shutil.copy(folder / "h264.mp4", folder / name)
    return sorted(path for path in folder.iterdir()), skipped


def _photo(path: Path, exif: int = 0, **options: Any) -> None:
    image = Image.fromarray(scene(SIDE, SIDE, seed=3))
    if exif:
        tags = Image.Exif()
        tags[0x0112], tags[0x010F] = exif, "maker"
        options["exif"] = tags
    image.save(path, **options)


def _weights(folder: Path) -> None:
    import torch

    import dfcore
    from dfcore.models.files import weights

    folder.mkdir()
    data = {"clips_per_video": 2, "clip_frames": 3, "eval_samples": 2}
    about = {"stage": 1, "config": {"data": data, "stage": {"dataset": "made"}}, "metrics": {"auc": 0.5}}
    for name in ("rr", "cm"):
        model = dfcore.create(name, backbone="test_efficientnet", pretrained=False, seed=0)
        weights.save_final(folder / f"{name}_stage1_final.pt", model, about)
    weights.save_zip(folder / "cm_stage1_epoch01.zip", model, about)
    state = model.backbone.state_dict()
    torch.save(state, folder / "backbone.pth")
    torch.save(state, folder / "legacy.pth", _use_new_zipfile_serialization=False)


def _lists(folder: Path) -> None:
    """Small trees, one for each kind of list; the videos are a few bytes, for nobody opens them."""

    def tree(name: str, files: Mapping[str, str], videos: tuple[str, ...]) -> None:
        for path, text in files.items():
            (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / path).write_text(text)
        for path in videos:
            (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / path).write_bytes(b"\0\0\0\x18ftypmp42")

    clips = tuple(f"clips/{name}.mp4" for name in "abcdef")
    rows = [f"{path},{('real', 'fake')[i % 2]},train,p{i // 2},{('', 'swap')[i % 2]}," for i, path in enumerate(clips)]
    tree("csv", {"manifest.csv": "path,label,split,group,manipulation,original\n" + "\n".join(rows) + "\n"}, clips)
    names = [f"{name}.mp4" for name in "abcdef"]
    facts: dict[str, dict[str, str]] = {}
    for i, name in enumerate(names):
        fake = {"label": "FAKE", "split": "train", "original": names[i - 1]}
        facts[name] = fake if i % 2 else {"label": "REAL", "split": "train"}
    part, other = "dfdc_train_part_0", "dfdc_train_part_1"
    others = {f"x{name}": {**about, **({"original": f"x{about['original']}"} if "original" in about else {})}
              for name, about in facts.items()}  # fmt: skip
    tree(
        "dfdc",
        {f"{part}/metadata.json": json.dumps(facts, indent=1), f"{other}/metadata.json": json.dumps(others)},
        (*(f"{part}/{name}" for name in names), *(f"{other}/x{name}" for name in names)),
    )
    preview = {f"original_videos/{i}/{name}": {"label": "real", "set": "train"} for i, name in enumerate(names)}
    preview |= {f"method_A/{i}/{name}": {"label": "fake", "set": "test"} for i, name in enumerate(names)}
    tree("dfdc_preview", {"dataset.json": json.dumps(preview, indent=1)}, tuple(preview))
    labels = "filename,label\n" + "\n".join(f"{name},{i % 2}" for i, name in enumerate(names))
    tree("dfdc_test", {"labels.csv": labels + "\n"}, tuple(names))
    celeb = ("Celeb-real/id0_0000.mp4", "Celeb-real/id1_0000.mp4", "Celeb-synthesis/id0_id1_0000.mp4",
             "Celeb-synthesis/id1_id0_0000.mp4", "YouTube-real/00000.mp4")  # fmt: skip
    tree("celebdf", {"List_of_testing_videos.txt": "1 Celeb-real/id0_0000.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n"},
         celeb)  # fmt: skip


DATASETS = {"dfdc_preview": "dfdc", "dfdc_test": "dfdc"}
"""The adapter of each tree, where it is not the tree's own name."""


def _store(samples: Samples) -> None:
    from .stores import fill

    videos = samples.root / "store_videos"
    videos.mkdir()
    for i in range(3):
        write_video(videos / f"v{i}.mp4", width=SIDE, height=SIDE, frames=FRAMES, fps=FPS, seed=i,
                    audio=tone(FRAMES / FPS))  # fmt: skip
    (videos / "v3.mp4").write_bytes(b"no video at all")
    fill(samples.store, videos)


def _runs(folder: Path) -> None:
    """A finished run, and one that was stopped in its second epoch."""
    import tiny_run

    from dfcore.training.callbacks import metrics_log

    metrics_log.draw = lambda run: None  # drawing takes longer than all else here
    config = tiny_run.tiny_config(folder)
    for name, extra in (("done", ()), ("stopped", (_stopper(),))):
        with suppress(InterruptedError), redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()):
            tiny_run.tiny_run(config, extra=extra)
        (folder / "tiny_stage1").rename(folder / f"{name}_stage1")


def _stopper() -> Any:
    """A callback that ends the run in its second epoch, after something was saved in it."""
    from dfcore.training.protocols import BaseCallback

    class Stop(BaseCallback):
        def on_step(self, run: Any) -> None:
            if run.step == 9:
                raise InterruptedError

    return Stop()
