"""What genuine videos look like to a specialist: the statistics that explanations compare with.

``{specialist}_stage{N}_genuine.json`` lies beside the weights, as the calibration does, and is bound to them by their
hash::

    format          1
    dfcore_version  of the core that wrote it
    specialist, stage, dataset
    weights         SHA-256 of the weights (dfcore.models.files.weights.state_hash): it is of use with these alone
    videos          how many genuine videos it rests on
    mean, sd        of each channel and cell of the cue map over these videos: C lists of 7 lists of 7
    usual           {cue: deviation that 19 of 20 genuine videos stay below}, each against the others
    numbers         {name: {mean, sd, low, high, videos, moment_sd, moment_low, moment_high}} of what the plugin
                    measures for its sentence

The videos are the genuine ones of the **validation** split. The cue modules' learned layers were fitted to the training
videos, so these lie nearer to their mean than a new genuine video does, and would make every new one look odd. The
calibration scores the validation videos anyway, so the statistics cost nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dfcore.errors import CheckpointError
from dfcore.evaluation.verdicts.stored import beside, numbers, only, read_stored, require_weights, take, write_stored
from dfcore.models.findings import measured
from dfcore.specs import MAP_SIZE, CueSpec, SpecialistSpec
from dfcore.version import __version__

if TYPE_CHECKING:
    from torch import Tensor

    from dfcore.models.specialist import Specialist

__all__ = ["SUFFIX", "GenuineNumber", "GenuineStatistics", "GenuineTally", "GenuineVideo", "cue_slices", "genuine_path"]

SUFFIX = "_genuine.json"
REMEDY = "Calibrate again (`dfcore calibrate`): it writes the statistics too."
LEAST = 2
"""Videos without which there is no standard deviation."""
FLOOR = 0.05
"""Least standard deviation of a cell, as a share of its channel's."""
DIGITS = 6

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class GenuineVideo:
    """One genuine video: the mean of its samples' cue maps, float32 ``[C, 7, 7]``, and by name the numbers of those
    samples in which they could be measured.
    """

    cue_map: NDArray[np.float32]
    numbers: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GenuineNumber:
    """A measured number over genuine videos.

    Attributes:
        mean, sd: over the videos' means.
        low, high: hold all of these but the outermost hundredth on each side.
        videos: how many have it.
        moment_sd, moment_low, moment_high: likewise over single samples, for what is measured at one moment.
    """

    mean: float
    sd: float
    low: float
    high: float
    videos: int
    moment_sd: float
    moment_low: float
    moment_high: float

    def deviation(self, value: float) -> float:
        """How many standard deviations a video's ``value`` lies above the mean."""
        return (value - self.mean) / self.sd

    def moment_deviation(self, value: float) -> float:
        """Likewise of a single moment's."""
        return (value - self.mean) / self.moment_sd


class GenuineTally:
    """Adds up what a model makes of genuine videos' samples.

    Args:
        model: whose cue maps they are, and whose plugin's numbers are measured.
    """

    def __init__(self, model: Specialist) -> None:
        self.model = model
        self._maps: dict[str, list[NDArray[np.float32]]] = {}
        self._numbers: dict[str, dict[str, list[float]]] = {}

    def add(self, video: str, views: Mapping[str, Tensor], cue_map: Tensor, judged: NDArray[np.bool_]) -> None:
        """Some samples of one video.

        Args:
            video: its id.
            views: what the model read, ``[B, ...]``.
            cue_map: what its cue module made of them, ``[B, C, 7, 7]``.
            judged: bool ``[B]``, the samples that count.
        """
        if not judged.any():
            return
        self._maps.setdefault(video, []).extend(cue_map.float().cpu().numpy()[judged])
        held = self._numbers.setdefault(video, {})
        for name, values in measured(self.model, views).items():
            held.setdefault(name, []).extend(values[judged].tolist())

    def videos(self) -> dict[str, GenuineVideo]:
        """Each video's means, by id."""
        return {
            video: GenuineVideo(np.stack(maps).mean(axis=0), self._measured(video))
            for video, maps in self._maps.items()
        }

    def _measured(self, video: str) -> dict[str, list[float]]:
        held = {name: [one for one in values if one == one] for name, values in self._numbers[video].items()}
        return {name: values for name, values in held.items() if values}


@dataclass(frozen=True, slots=True, eq=False)
class GenuineStatistics:
    """What genuine validation videos look like to one specialist's weights.

    Attributes:
        specialist, stage, weights, dataset: as in the calibration.
        videos: how many genuine videos it rests on.
        mean, sd: float64 ``[C, 7, 7]``, over the videos' mean cue maps; no ``sd`` is 0.
        usual: by cue, the deviation (:meth:`deviation`) that 19 of 20 of these videos stay below, each compared with
            the others; {} of fewer than four videos.
        numbers: by name, what the plugin's finding measures.
    """

    specialist: str
    stage: int | None
    weights: str
    dataset: str
    videos: int
    mean: Floats
    sd: Floats
    usual: Mapping[str, float] = field(default_factory=dict)
    numbers: Mapping[str, GenuineNumber] = field(default_factory=dict)

    @classmethod
    def fit(
        cls, videos: Sequence[GenuineVideo], spec: SpecialistSpec, *, stage: int | None, weights: str, dataset: str
    ) -> GenuineStatistics | None:
        """The statistics of genuine videos; None of fewer than two, which have no standard deviation."""
        if len(videos) < LEAST:
            return None
        maps = np.stack([video.cue_map for video in videos]).astype(np.float64)
        mean, sd = maps.mean(0), _floored(maps.std(0, ddof=1))
        names = sorted({name for video in videos for name in video.numbers})
        found = {name: _number([v.numbers[name] for v in videos if name in v.numbers]) for name in names}
        kept = {name: number for name, number in found.items() if number is not None}
        return cls(spec.name, stage, weights, dataset, len(videos), mean, sd, _usual(maps, spec.cues), kept)

    def deviations(self, cue_map: NDArray[np.float32]) -> Floats:
        """Each channel's and cell's distance from the genuine mean in standard deviations: ``[C, 7, 7]``."""
        return (cue_map - self.mean) / self.sd

    def write(self, path: Path | str) -> None:
        """Write the file, atomically.

        Raises:
            WriteError: it cannot be written; what was there is as it was.
        """
        write_stored(
            path,
            {
                "dfcore_version": __version__,
                "specialist": self.specialist,
                "stage": self.stage,
                "dataset": self.dataset,
                "weights": self.weights,
                "videos": self.videos,
                "usual": {name: _rounded(value) for name, value in self.usual.items()},
                "numbers": {
                    name: {key: _rounded(value) for key, value in asdict(number).items()}
                    for name, number in self.numbers.items()
                },
                "mean": _listed(self.mean),
                "sd": _listed(self.sd),
            },
        )

    @classmethod
    def read(cls, path: Path | str, spec: SpecialistSpec, weights_hash: str | None = None) -> GenuineStatistics:
        """The content of a file.

        Args:
            path: see :func:`genuine_path`.
            spec: the specialist's announcement: its channels must be the file's.
            weights_hash: of the weights that it is to be used with; None where it is only looked at.

        Raises:
            CheckpointError: it is missing, damaged, not such a file, or belongs to other weights.
        """
        stored = read_stored(path, REMEDY)
        try:
            kept = take(stored, "numbers", dict)
            found = cls(
                specialist=take(stored, "specialist", str),
                stage=take(stored, "stage", int, None),
                weights=take(stored, "weights", str),
                dataset=take(stored, "dataset", str),
                videos=take(stored, "videos", int),
                mean=_map(stored, "mean", spec),
                sd=_map(stored, "sd", spec),
                usual=numbers(stored, "usual"),
                numbers={name: _read_number(take(kept, name, dict)) for name in kept},
            )
            if not (found.sd > 0).all():
                raise CheckpointError("a standard deviation is not above 0")
        except CheckpointError as error:
            raise CheckpointError(f"{path} holds no statistics of genuine videos: {error}. {REMEDY}") from error
        require_weights(path, found.weights, weights_hash, REMEDY)
        return found


def genuine_path(weights: Path) -> Path:
    """Where the statistics of a file of weights lie: beside it, as its calibration does."""
    return beside(weights, SUFFIX)


def cue_slices(cues: Sequence[CueSpec]) -> dict[str, slice]:
    """Each cue's channels in the cue map."""
    ends = np.cumsum([cue.channels for cue in cues]).tolist()
    return {cue.name: slice(end - cue.channels, end) for cue, end in zip(cues, ends, strict=True)}


def _floored(sd: Floats) -> Floats:
    """No cell's deviation below a share of its channel's: a cell that hardly varied would make anything look odd."""
    channel = np.sqrt(np.square(sd).mean(axis=(-2, -1), keepdims=True))
    return np.maximum(sd, FLOOR * channel + 1e-6)


def _usual(maps: Floats, cues: Sequence[CueSpec]) -> dict[str, float]:
    if len(maps) < LEAST + 2:
        return {}
    found: dict[str, list[float]] = {cue.name: [] for cue in cues}
    for place in range(len(maps)):
        others = np.delete(maps, place, axis=0)
        off = np.square((maps[place] - others.mean(0)) / _floored(others.std(0, ddof=1)))
        for name, channels in cue_slices(cues).items():
            found[name].append(float(np.sqrt(off[channels].mean())))
    return {name: float(np.quantile(values, 0.95)) for name, values in found.items()}


def _number(values: Sequence[Sequence[float]]) -> GenuineNumber | None:
    """Of each video's samples."""
    if len(values) < LEAST:
        return None
    means, samples = [float(np.mean(one)) for one in values], np.concatenate(values)
    low, high = np.quantile(means, [0.01, 0.99]).tolist()
    first, last = np.quantile(samples, [0.01, 0.99]).tolist()
    mean = float(np.mean(means))
    least = 1e-6 + 1e-3 * abs(mean)
    sd, moment_sd = (max(float(np.std(one, ddof=1)), least) for one in (means, samples))
    return GenuineNumber(mean, sd, low, high, len(values), max(sd, moment_sd), first, last)


def _read_number(stored: Mapping[str, Any]) -> GenuineNumber:
    only(stored, GenuineNumber)
    names = ("mean", "sd", "low", "high", "moment_sd", "moment_low", "moment_high")
    values = {name: take(stored, name, float) for name in names}
    if min(values["sd"], values["moment_sd"]) <= 0:
        raise CheckpointError("a standard deviation is not above 0")
    return GenuineNumber(**values, videos=take(stored, "videos", int))


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.{DIGITS}g}")


def _listed(values: Floats) -> list[list[list[float]]]:
    return [[[_rounded(float(one)) for one in row] for row in channel] for channel in values]


def _map(stored: Mapping[str, Any], name: str, spec: SpecialistSpec) -> Floats:
    shape = (spec.channels, MAP_SIZE, MAP_SIZE)
    try:
        found = np.array(take(stored, name, list))
    except ValueError as error:  # rows of different lengths
        raise CheckpointError(f"{name!r} is no map") from error
    if found.dtype.kind not in "fi":
        raise CheckpointError(f"{name!r} is no map of numbers")
    if found.shape != shape:
        raise CheckpointError(f"{name!r} has the shape {list(found.shape)}, and the specialist's map has {list(shape)}")
    return found.astype(np.float64)
