"""Pseudo-fakes as training data: pairs made of real videos, each half prepared like any other video.

A pair is a *control* (label real) and a *fake*. Both are the same stretch of the same real video, went through the same
encodes and lie in the same container; only the fake is damaged, in the respect that its specialist looks at. So what
tells them apart is that cue, and not the codec.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from dfcore.data.composite.kinds import kind_shares
from dfcore.data.emulation.encode import emulated_file
from dfcore.data.faces.look import find_detector
from dfcore.data.prepare.footage import read_footage, write_footage
from dfcore.data.protocols import PseudoFake
from dfcore.data.records import FAKE, REAL, Forgery, VideoRecord, pseudo_fake_id
from dfcore.errors import UsageError
from dfcore.filesystem.writing import temporary_file
from dfcore.plugins.calls import construct, plugin_code
from dfcore.plugins.discovery import distribution_of
from dfcore.specs import SpecialistSpec
from dfcore.text import name_bytes

__all__ = ["CRFS", "forged_file", "forged_pairs"]

CRFS = (18.0, 28.0)
"""Range of the last encode's rate factor, drawn for each pair."""


def forged_pairs(
    records: Sequence[VideoRecord], spec: SpecialistSpec, per_video: float, *, seed: int = 0
) -> list[VideoRecord]:
    """Records of pairs made of the real ones among ``records``, in the same splits and groups.

    Args:
        records: videos, with the labels for ``spec``; fakes among them are passed over.
        spec: whose pseudo-fakes.
        per_video: pairs of each real video; of a fraction, that share of the videos has one more.
        seed: decides which videos, kinds and damages. A larger ``per_video`` keeps the pairs of a smaller one.

    Raises:
        UsageError: the specialist ships no pseudo-fakes.
        PluginImportError: they cannot be imported.
    """
    if not spec.pseudo_fake:
        raise UsageError(
            f"specialist {spec.name!r} ships no pseudo-fakes. Set data.pseudo_fakes=0, or upgrade "
            f"{distribution_of(spec.module)[0]}."
        )
    kinds = kind_shares(_pseudo_fake(spec.pseudo_fake))
    real = [record for record in records if record.label == REAL and record.forgery is None]
    pairs: list[VideoRecord] = []
    for record in real:
        own = np.random.default_rng(_number(f"{seed}/{spec.name}/{record.id}"))
        share = float(own.random())
        for number in range(int(per_video) + (share < per_video - int(per_video))):
            pairs += _pair(record, spec, kinds, real, _number(f"{seed}/{spec.name}/{number}/{record.id}"))
    return pairs


@contextmanager
def forged_file(record: VideoRecord, *, detector: str = "centerface", threads: int = 0) -> Iterator[Path]:
    """The file to prepare: the record's own; or, for a forgery or a video as it comes from a platform, a temporary
    one, made now.

    Raises:
        MediaError: the source cannot be decoded, or not be damaged so.
        PluginError: the detector or the pseudo-fake raises something.
        WriteError: there is no space for the temporary file.
    """
    if record.emulation:
        with emulated_file(record, threads=threads) as path:
            yield path
        return
    if record.forgery is None:
        yield record.path
        return
    forgery = record.forgery
    footage = read_footage(record.path, detector=find_detector(detector), voice=forgery.voice, threads=threads)
    with plugin_code("pseudo-fake", forgery.pseudo_fake):
        control, fake = _pseudo_fake(forgery.pseudo_fake)(footage, forgery.kind, np.random.default_rng(forgery.seed))
    half, name = fake if forgery.fake else control, f"{record.path.stem}.mp4"
    with temporary_file(name, lambda path: write_footage(half, path, crf=forgery.crf)) as path:
        yield path


def _pair(
    record: VideoRecord, spec: SpecialistSpec, kinds: Mapping[str, float], real: Sequence[VideoRecord], seed: int
) -> list[VideoRecord]:
    rng = np.random.default_rng(seed)
    kind, crf = str(rng.choice(list(kinds), p=list(kinds.values()))), float(np.round(rng.uniform(*CRFS), 1))
    others = [other for other in real if not set(other.group) & set(record.group) and other.split == record.split]
    voice = others[int(rng.integers(len(others)))].path if others else None
    made = []
    for fake in (False, True):
        made.append(
            replace(
                record,
                id=pseudo_fake_id(record.id, spec.name, seed, "fake" if fake else "control"),
                label=FAKE if fake else REAL,
                manipulation=f"{spec.name}:{kind}" if fake else "control",
                compression=record.compression,
                original="" if not fake else record.id,
                audio_label=None if fake and spec.uses_audio else record.audio_label,
                forgery=Forgery(spec.pseudo_fake, kind, fake, seed, crf, voice),
            )
        )
    return made


def _pseudo_fake(path: str) -> PseudoFake:
    made: PseudoFake = construct("pseudo-fake", path)
    return made


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(name_bytes(text), digest_size=8).digest(), "little")
