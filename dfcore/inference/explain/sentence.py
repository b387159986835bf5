"""One sentence of what a specialist measured, true of the numbers; or that it found nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dfcore.evaluation.genuine import GenuineNumber, GenuineStatistics
from dfcore.inference.explain.course import Timeline, stretches_of
from dfcore.models.findings import Trace

__all__ = ["LEAST_DEVIATION", "sentence"]

LEAST_DEVIATION = 2.0
"""Standard deviations of genuine videos, and beyond all but the outermost hundredth of them, that a finding takes."""
MOMENT_DEVIATION = 3.0
"""Likewise, of genuine videos' single samples, for a moment of the video."""
LEAST_MOMENTS = 2
"""Neighbouring moments that must depart where the whole video does not: of a hundred moments one may by chance."""
THROUGHOUT = 0.8
"""Share of the moments from which on a finding is there throughout."""

Stretches = list[tuple[float, float, list[float]]]


def sentence(
    traces: Sequence[Trace],
    numbers: Mapping[str, float],
    genuine: GenuineStatistics | None,
    timeline: Timeline | None = None,
) -> tuple[str, dict[str, float]]:
    """The sentence, and the numbers that it rests on, with the deviation of each in standard deviations.

    Args:
        traces: what the plugin measures.
        numbers: of the video; one that could not be measured is missing.
        genuine: those of genuine videos.
        timeline: of the video's moments, to say where.
    """
    known = {} if genuine is None else _resolved(genuine.numbers, traces)
    said, rest = _sentence(traces, numbers, known, timeline)
    missing = [trace.unmeasured for trace in traces if trace.unmeasured and trace.name not in numbers]
    return " ".join([said, *missing]), rest


def _resolved(known: Mapping[str, GenuineNumber], traces: Sequence[Trace]) -> dict[str, GenuineNumber]:
    """What genuine videos have, no standard deviation being smaller than what can be measured."""
    least = {trace.name: trace.resolution for trace in traces}
    return {
        name: replace(one, sd=max(one.sd, least[name]), moment_sd=max(one.moment_sd, least[name]))
        for name, one in known.items()
        if name in least
    }


def _sentence(
    traces: Sequence[Trace],
    numbers: Mapping[str, float],
    known: Mapping[str, GenuineNumber],
    timeline: Timeline | None,
) -> tuple[str, dict[str, float]]:
    held = [trace for trace in traces if trace.name in numbers]
    rest = {trace.name: round(numbers[trace.name], 6) for trace in held}
    compared = [(known[trace.name].deviation(numbers[trace.name]), trace) for trace in held if trace.name in known]
    if not held:
        return "Nothing could be measured for a sentence.", rest
    if not compared:
        shown = ", ".join(f"{trace.name} {_value(trace, numbers[trace.name])}" for trace in held)
        return f"Measured, and not compared: no genuine videos' numbers are kept with these weights ({shown}).", rest
    rest |= {f"{trace.name}_deviation_sd": round(off, 3) for off, trace in compared}

    def rest_of(chosen: Trace | None) -> str:
        return _always([one for one in held if one is not chosen], numbers)

    found = [(off, trace) for off, trace in compared if _speaks(trace, numbers[trace.name], known[trace.name])]
    if found:
        off, trace = max(found, key=lambda one: abs(one[0]))
        value, usual = _value(trace, numbers[trace.name]), known[trace.name]
        where = "" if timeline is None else _where(trace, usual, timeline, off > 0)
        against = f"{abs(off):.1f} sd from genuine videos' {_plus_minus(trace, usual.mean, usual.sd)}"
        return f"{_phrase(trace, off > 0)}: {value}, {against}{where}.{rest_of(trace)}", rest
    if timeline is not None and (part := _in_part([trace for _, trace in compared], known, timeline)):
        return f"{part}{rest_of(None)}", rest
    _, trace = max(compared, key=lambda one: abs(one[0]))
    value, usual = _value(trace, numbers[trace.name]), known[trace.name]
    most = f"the most unusual of {len(compared)} is {trace.name}, {value}"
    against = f"(genuine videos: {_plus_minus(trace, usual.mean, usual.sd)})"
    return f"Nothing found beyond what genuine videos show: {most} {against}.{rest_of(None)}", rest


def _always(traces: Sequence[Trace], numbers: Mapping[str, float]) -> str:
    return "".join(
        f" {trace.always[:1].upper()}{trace.always[1:]}: {_value(trace, numbers[trace.name])}."
        for trace in traces
        if trace.always
    )


def _speaks(trace: Trace, value: float, usual: GenuineNumber) -> bool:
    off = usual.deviation(value)
    return bool(_words(trace, off > 0)) and abs(off) >= LEAST_DEVIATION and not usual.low <= value <= usual.high


def _departing(trace: Trace, usual: GenuineNumber, timeline: Timeline, high: bool) -> Stretches:
    """The stretches of the video in which the number departs upwards, or downwards."""

    def departs(value: float) -> bool:
        off = usual.moment_deviation(value)
        beyond = value > usual.moment_high if high else value < usual.moment_low
        return beyond and (off if high else -off) >= MOMENT_DEVIATION

    return stretches_of(timeline.numbers(trace.name), departs) if _words(trace, high) else []


def _where(trace: Trace, usual: GenuineNumber, timeline: Timeline, high: bool) -> str:
    """``", at 2.0-4.0 s"``: where in the video the number departs so."""
    parts = _departing(trace, usual, timeline, high)
    if not parts:
        return ""
    if sum(len(held) for _, _, held in parts) >= THROUGHOUT * len(timeline.numbers(trace.name)):
        return ", throughout the video"
    return f", at {_seconds(parts)}"


def _in_part(traces: Sequence[Trace], known: Mapping[str, GenuineNumber], timeline: Timeline) -> str:
    """What departs in a part of the video alone, in words; "" where nothing does."""
    found = []
    for trace in traces:
        for high in (True, False):
            stretches = _departing(trace, known[trace.name], timeline, high)
            parts = [part for part in stretches if len(part[2]) >= LEAST_MOMENTS]
            if parts:
                values = [value for _, _, held in parts for value in held]
                mean = sum(values) / len(values)
                found.append((abs(known[trace.name].moment_deviation(mean)), mean, trace, high, parts))
    if not found:
        return ""
    off, mean, trace, high, parts = max(found, key=lambda one: one[0])
    usual = known[trace.name]
    against = f"{off:.1f} sd from genuine moments' {_plus_minus(trace, usual.mean, usual.moment_sd)}"
    return f"{_phrase(trace, high)} at {_seconds(parts)}: {_value(trace, mean)} there, {against}."


def _seconds(parts: Stretches) -> str:
    longest = sorted(sorted(parts, key=lambda part: len(part[2]), reverse=True)[:3])
    return ", ".join(f"{start:.1f}-{end:.1f} s" for start, end, _ in longest)


def _words(trace: Trace, high: bool) -> str:
    return trace.high if high else trace.low


def _phrase(trace: Trace, high: bool) -> str:
    words = _words(trace, high)
    return words[:1].upper() + words[1:]


def _plus_minus(trace: Trace, mean: float, sd: float) -> str:
    return f"{mean:.{trace.digits}f} ± {_value(trace, sd)}"


def _value(trace: Trace, value: float) -> str:
    return f"{value:.{trace.digits}f}{' ' + trace.unit if trace.unit else ''}"
