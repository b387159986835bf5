"""Figures in words: what a verdict, a likelihood ratio and a share of fakes mean to a reader without statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dfcore.evaluation.metrics.scores import margin_of, probability_of
from dfcore.inference.explanation import LEAST_EFFECT
from dfcore.text import count_of

__all__ = [
    "PriorRow",
    "fact_rows",
    "fixed",
    "hidden_by",
    "number_row",
    "number_rows",
    "percent",
    "prior_rows",
    "ratio_sentence",
    "sentence",
    "share",
    "signed",
    "support",
    "verdict_meaning",
    "verdict_title",
]

_TITLES = {"fake": "Fake", "real": "Real", "uncertain": "Uncertain", "none": "No verdict"}
_MEANINGS = {
    "fake": "The score is higher than the stated false-alarm rate admits for genuine videos.",
    "real": "The score is lower than the stated rate of missed fakes admits for fakes.",
    "uncertain": "At the stated rates of error the score allows neither “fake” nor “real” to be said.",
    "none": "No score could be given.",
}
_UNCALIBRATED = "There is a raw score, and nothing that says what it is worth."
_SCALE = (
    (2.0, "no support for either"), (10.0, "weak support"), (100.0, "moderate support"),
    (1000.0, "moderately strong support"), (10_000.0, "strong support"), (1_000_000.0, "very strong support"),
    (math.inf, "extremely strong support"),
)  # fmt: skip
"""Ratios below each, and the words for them: ENFSI Guideline for Evaluative Reporting in Forensic Science (2015)."""
_PRIORS = (0.5, 0.1, 0.001)
_DEVIATION = "_deviation_sd"
_UNITS = {
    "ms": "ms", "s": "s", "sd": "standard deviations", "db": "dB", "px": "px", "fps": "frames a second", "hz": "Hz",
    "percent": "%", "nepers": "nepers", "bytes": "bytes", "kbps": "kbit/s",
}  # fmt: skip

_FACTS = {
    "codec": "codec of the images", "fps": "frame rate, frames a second", "duration": "duration, seconds",
    "bit_rate": "bit rate, bits a second", "width": "width, pixels", "height": "height, pixels",
    "key_frames": "key frames, which stand by themselves", "longest_gap": "longest step between frames, seconds",
    "irregular_steps": "steps between frames that are irregular", "edited_time_base": "edits in the time base",
    "key_frame_distance": "frames from one key frame to the next",
    "frame_types": "types of the frames (I: by itself, P and B: predicted)",
    "size_rhythm": "rhythm in the sizes of predicted frames, as earlier key frames may leave it",
    "stated_passes": "passes of the last encoder, as it states them",
    "stated_settings": "settings of the last encoder, as it states them",
    "stated_encoder": "written by, as the file states it", "stated_time": "time of creation, as the file states it",
    "stated_brand": "brand of the container, as the file states it",
    "audio_codec": "codec of the audio", "audio_rate": "audio samples a second",
    "audio_start": "audio begins, seconds after the first frame", "audio_duration": "duration of the audio, seconds",
}  # fmt: skip
"""What the keys of :func:`dfcore.data.media.facts.media_facts` mean; others are written as they are."""


def verdict_title(verdict: str) -> str:
    """The verdict as a heading."""
    return _TITLES[verdict]


def verdict_meaning(verdict: str, *, calibrated: bool) -> str:
    """What follows from it, in a sentence."""
    return _UNCALIBRATED if verdict == "uncertain" and not calibrated else _MEANINGS[verdict]


def ratio_sentence(log_ratio: float, *, capped: bool = False) -> str:
    """What a natural-log likelihood ratio says; ``capped`` as in the result."""
    ratio = math.exp(min(abs(log_ratio), 700.0))
    if ratio < 1.05 and not capped:
        return "Such a score is about as frequent among fakes as among genuine videos."
    first, second = ("fakes", "genuine videos") if log_ratio >= 0 else ("genuine videos", "fakes")
    bound = "at least " if capped else "about "
    return f"Such a score is {bound}{significant(ratio)} times as frequent among {first} as among {second}."


def support(log_ratio: float) -> str:
    """The step of the ENFSI's verbal scale (2015) that a natural-log likelihood ratio lies on."""
    ratio = math.exp(min(abs(log_ratio), 700.0))
    words = next(words for bound, words in _SCALE if ratio < bound)
    if ratio < _SCALE[0][0]:
        return words
    way = ("fake", "genuine") if log_ratio > 0 else ("genuine", "fake")
    return f"{words} for “the video is {way[0]}” over “the video is {way[1]}”"


@dataclass(frozen=True, slots=True)
class PriorRow:
    """A share of fakes before the score was seen, and the probability that follows.

    Attributes:
        before: the share in words.
        odds: it as odds of fake to genuine.
        after: the odds times the likelihood ratio.
        probability: these as a share.
        given: whether it is the prior that the probability of the result was computed with.
    """

    before: str
    odds: str
    after: str
    probability: str
    given: bool


def prior_rows(log_ratio: float, prior: float) -> list[PriorRow]:
    """What the same likelihood ratio comes to for the prior that was given and for some others, falling."""
    rows = []
    for one in sorted({prior, *_PRIORS}, reverse=True):
        log_odds = float(margin_of(one))
        after = float(probability_of(log_odds + log_ratio))
        rows.append(PriorRow(share(one), _odds(log_odds, 3), _odds(log_odds + log_ratio), percent(after), one == prior))
    return rows


def share(value: float) -> str:
    """``1 in 10``, or ``30 %`` where it is no such share."""
    if value <= 0.5 and abs(1 / value - round(1 / value)) < 1e-6:
        return f"1 in {round(1 / value):,}"
    return f"{100 * value:g} %"


def _odds(log_odds: float, digits: int = 2) -> str:
    bounded = significant(math.exp(min(abs(log_odds), 700.0)), digits)
    return f"{bounded} : 1" if log_odds > 0 else f"1 : {bounded}"


def percent(value: float) -> str:
    """A share as per cent; next to 0 and 1 as a bound, because nothing here is known to be certain."""
    if value < 0.001:
        return "under 0.1 %"
    if value > 0.999:
        return "over 99.9 %"
    return f"{100 * value:.1f} %"


def significant(value: float, digits: int = 2) -> str:
    """So many significant digits, without an exponent up to a million."""
    if value >= 1e6:
        return f"{value:.{digits - 1}e}"
    if value >= 100:
        return f"{round(value, digits - 1 - math.floor(math.log10(value))):,.0f}"
    return f"{value:.{digits}g}"


def fixed(value: float | None, digits: int = 3) -> str:
    """So many decimals with a minus sign that lines up; a dash where there is no number."""
    return "–" if value is None else _minus(f"{value:.{digits}f}")  # noqa: RUF001 (an en dash is meant)


def signed(value: float | None, digits: int = 2) -> str:
    """Likewise, with a plus sign."""
    return "–" if value is None else _minus(f"{value:+.{digits}f}")  # noqa: RUF001


def _minus(text: str) -> str:
    zero = text.startswith("-") and not text.strip("-0.")
    return text[1:] if zero else text.replace("-", "\u2212")


def sentence(text: str, *, begin: bool = True) -> str:
    """The text as a sentence: with a full stop, and a capital letter if it begins one."""
    ended = text if not text or text[-1] in ".!?:)" else f"{text}."
    first = ended.split(" ")[0].rstrip(":,")
    plain = first.isalpha() and first.islower()  # neither a name of a file nor an abbreviation
    return ended[:1].upper() + ended[1:] if begin and plain else ended


def hidden_by(effect: float, random_effect: float) -> str:
    """Whether taking something away lowers the score by more than taking as much away at random."""
    if effect <= -LEAST_EFFECT:
        return "no: the score rises without it"
    if effect < LEAST_EFFECT:
        return "no: the score hardly changes without it"
    if effect <= random_effect:
        return "no: as much at random does the same"
    return "yes"


def number_row(name: str, value: float, digits: int = 4) -> tuple[str, str]:
    """``("delay", "40 ms")`` of ``delay_ms``: the unit that a name ends with is written after its value."""
    stem, _, unit = name.rpartition("_")
    if stem and unit.lower() in _UNITS:
        return stem.replace("_", " "), f"{_plain(value, digits)} {_UNITS[unit.lower()]}"
    return name.replace("_", " "), _plain(value, digits)


def number_rows(numbers: Mapping[str, float]) -> list[tuple[str, str]]:
    """A finding's numbers as rows; one that is known to deviate (``NAME_deviation_sd``) has that in its own row."""
    rows = []
    for name, value in numbers.items():
        label, text = number_row(name, value, 3)
        deviation = numbers.get(f"{name}{_DEVIATION}")
        if deviation is not None:
            text += f" ({signed(deviation, 1)} sd from genuine videos)"
        if not (name.endswith(_DEVIATION) and name.removesuffix(_DEVIATION) in numbers):
            rows.append((label, text))
    return rows


def fact_rows(facts: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    """Facts as rows of a name and a text; what is nested is written under its path."""
    rows: list[tuple[str, str]] = []
    for name, value in facts.items():
        label = f"{above}: {name}" if above else _FACTS.get(str(name), str(name))
        if isinstance(value, Mapping) and value and all(type(one) is int for one in value.values()):
            rows.append((label, ", ".join(f"{part} {_plain(count)}" for part, count in value.items())))
        elif isinstance(value, Mapping):
            rows += fact_rows(value, label)
        elif isinstance(value, bool):
            rows.append((label.replace("_", " "), "yes" if value else "no"))
        elif isinstance(value, int | float):
            rows.append(number_row(label, value))
        elif isinstance(value, list | tuple | set | frozenset):
            rows.append((label.replace("_", " "), ", ".join(map(_item, value)) or "none"))
        else:
            rows.append((label.replace("_", " "), "not known" if value is None or value == "" else str(value)))
    return rows


def _item(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name} {text}" for name, text in fact_rows(value))
    return _plain(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _plain(value: float, digits: int = 4) -> str:
    if isinstance(value, int):
        return _minus(f"{value:,}" if abs(value) >= 10_000 else str(value))
    return _minus(f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:,.0f}")


def people_words(judged: int, seen: int | None) -> str:
    """``2 people were judged, of 3 that were seen.``"""
    verb = "was" if judged == 1 else "were"
    if seen is None or seen <= judged:
        return f"{count_of(judged, 'person', 'people')} {verb} judged."
    return f"{count_of(judged, 'person', 'people')} {verb} judged, of {seen} that were seen."
