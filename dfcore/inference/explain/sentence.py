"""One sentence of what a specialist measured, true of the numbers; or that it found nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dfcore.evaluation.genuine import GenuineNumber, GenuineStatistics
from dfcore.inference.explain.course import Timeline, stretches_of
from dfcore.models.findings import Trace

__all__ = ["LEAST_DEVIATION", "sentence"]

LEAST_DEVIATION = 2.0
"""Standard deviations of genuine videos, and beyond all but the outermost hundredth of them, that a finding takes."""
MOMENT_DEVIATION = 3.0
"""Likewise for a moment of the video, which is measured less well than the whole."""
THROUGHOUT = 0.8
"""Share of the moments from which on a finding is there throughout."""


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
    known = {} if genuine is None else genuine.numbers
    held = [trace for trace in traces if trace.name in numbers]
    rest = {trace.name: round(numbers[trace.name], 6) for trace in held}
    compared = [(known[trace.name].deviation(numbers[trace.name]), trace) for trace in held if trace.name in known]
    if not held:
        return "Nothing could be measured for a sentence.", rest
    if not compared:
        shown = ", ".join(f"{trace.name} {_value(trace, numbers[trace.name])}" for trace in held)
        return f"Measured, and not compared: no genuine videos' numbers are kept with these weights ({shown}).", rest
    rest |= {f"{trace.name}_deviation_sd": round(off, 3) for off, trace in compared}
    found = [(off, trace) for off, trace in compared if _speaks(trace, numbers[trace.name], known[trace.name])]
    off, trace = max(found or compared, key=lambda one: abs(one[0]))
    usual = known[trace.name]
    against = f"genuine videos have {_value(trace, usual.mean)} ± {_value(trace, usual.sd)}"
    value = _value(trace, numbers[trace.name])
    if not found:
        most = f"the most unusual of {len(compared)} is {trace.name}, {value} ({against})"
        return f"Nothing found beyond what genuine videos show: {most}.{_always(held, numbers)}", rest
    phrase = trace.high if off > 0 else trace.low
    where = "" if timeline is None else _where(trace, usual, timeline, off > 0)
    said = f"{phrase[:1].upper()}{phrase[1:]}: {value}, {abs(off):.1f} sd from genuine videos ({against}){where}."
    return said + _always([one for one in held if one is not trace], numbers), rest


def _always(traces: Sequence[Trace], numbers: Mapping[str, float]) -> str:
    return "".join(
        f" {trace.always[:1].upper()}{trace.always[1:]}: {_value(trace, numbers[trace.name])}."
        for trace in traces
        if trace.always
    )


def _speaks(trace: Trace, value: float, usual: GenuineNumber) -> bool:
    off = usual.deviation(value)
    phrase = trace.high if off > 0 else trace.low
    return bool(phrase) and abs(off) >= LEAST_DEVIATION and not usual.low <= value <= usual.high


def _where(trace: Trace, usual: GenuineNumber, timeline: Timeline, high: bool) -> str:
    """``", at 2.0-4.0 s"``: where in the video the number departs so."""
    values = timeline.numbers(trace.name)
    sign = 1 if high else -1

    def departs(value: float) -> bool:
        return sign * usual.deviation(value) >= MOMENT_DEVIATION

    parts = stretches_of(values, departs)
    count = sum(len(held) for _, _, held in parts)
    if not parts:
        return ""
    if count >= THROUGHOUT * len(values):
        return ", throughout the video"
    parts = sorted(sorted(parts, key=lambda part: len(part[2]), reverse=True)[:3])
    return ", at " + ", ".join(f"{start:.1f}-{end:.1f} s" for start, end, _ in parts)


def _value(trace: Trace, value: float) -> str:
    return f"{value:.{trace.digits}f}{' ' + trace.unit if trace.unit else ''}"
