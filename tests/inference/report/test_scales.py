"""Scales, axes and words of a report's drawings, worked out by hand."""

from __future__ import annotations

import dataclasses
from base64 import b64encode
from typing import Any

import pytest
from made_report import key_frame, model, specialist

from dfcore.inference.explanation import CueEffect, Moment, PersonExplanation, Span
from dfcore.inference.report import drawing, frames
from dfcore.inference.report.drawing import Band, bars, draw_timeline, grid, spans_in_words


def drawn(*moments: Moment, **changes: Any) -> drawing.Timeline:
    timeline = draw_timeline(specialist(course=moments, **{"spans": (), "threshold": None, **changes}))
    assert timeline is not None
    return timeline


def test_places_are_linear_in_time_and_margin() -> None:
    """The axis ends a tenth of the margins' range beyond them: 640 x 168 with margins of 44, 12, 24 and 30."""
    found = drawn(Moment(0, 1, -2.0), Moment(1, 2, 2.0), spans=(Span(0.5, 1.5, 1.0),), threshold=1.0)
    assert (found.width, found.height, found.plot) == (640, 168, (44, 24, 628, 138))
    assert found.steps == "M44.0 128.5H336.0 M336.0 33.5H628.0"
    assert (found.zero, found.threshold, found.bands) == (81.0, 57.25, (Band(190.0, 292.0),))
    assert [(tick.at, tick.text) for tick in found.y_ticks] == [(128.5, "\u22122"), (81.0, "0"), (33.5, "+2")]
    assert [(tick.at, tick.text) for tick in found.x_ticks[::2]] == [(44.0, "0 s"), (336.0, "1 s"), (628.0, "2 s")]
    assert found.text == (
        "From 0.00 s to 2.00 s. 2 clips were scored; the margin is highest at 1.00 s (+2.00) and lowest at 0.00 s "
        "(-2.00). Called forged: 0.50 s to 1.50 s."
    )


def test_zero_and_the_threshold_are_always_in_the_drawing() -> None:
    assert drawn(Moment(0, 1, 5.0)).zero == pytest.approx(128.5)
    high = drawn(Moment(0, 1, 0.0), threshold=4.0)
    assert (high.threshold, high.zero) == (33.5, 128.5)
    assert drawn(Moment(0, 1, -5.0)).zero == 33.5


def test_what_is_shorter_than_a_point_is_drawn_as_one_and_nothing_lies_outside() -> None:
    found = drawn(
        Moment(0, 0.0001, 1.0), Moment(0.0001, 1000, None), spans=(Span(-50.0, 0.0001, 1.0), Span(999.9, 1e6, 1.0))
    )
    assert found.steps.startswith("M44.0 ")
    assert found.steps.endswith("H45.0")
    assert found.bands == (Band(44.0, 1.0), Band(627.94, 1.0))
    assert found.silent == (Band(44.0, 584.0),)


@pytest.mark.parametrize(
    ("low", "high", "most", "ticks"),
    [
        (0.0, 10.0, 8, [0, 2, 4, 6, 8, 10]),
        (0.0, 8.0, 8, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (0.0, 8.1, 8, [0, 2, 4, 6, 8]),
        (-3.1, 2.2, 4, [-2, 0, 2]),
        (-1.05, 1.05, 4, [-1, 0, 1]),
        (0.0, 0.07, 8, [0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07]),
        (12.0, 52.0, 8, [15, 20, 25, 30, 35, 40, 45, 50]),
        (0.0, 79.0, 8, [0, 10, 20, 30, 40, 50, 60, 70]),
    ],
)
def test_ticks_are_the_least_round_step_that_gives_few_enough(
    low: float, high: float, most: int, ticks: list[float]
) -> None:
    assert drawing._ticks(low, high, most) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("values", "limits"),
    [((0.0, 2.0), (-0.2, 2.2)), ((1.0,), (0.9, 1.1)), ((0.0, 0.5), (-0.1, 0.6)), ((-4.0, 6.0), (-5, 7))],
)
def test_an_axis_has_a_tenth_more_on_either_side(values: tuple[float, ...], limits: tuple[float, float]) -> None:
    assert drawing._limits(values) == pytest.approx(limits)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.5, "0.5 s"), (119.5, "119.5 s"), (120, "2:00"), (125.9, "2:05"), (3661, "61:01")]
)
def test_from_two_minutes_on_times_are_in_minutes(seconds: float, text: str) -> None:
    assert drawing._time(seconds) == text


@pytest.mark.parametrize(
    ("count", "levels", "merged"), [(1, 1, 1), (600, 600, 1), (601, 301, 2), (1200, 600, 2), (1201, 401, 3)]
)
def test_at_most_six_hundred_levels_are_drawn(count: int, levels: int, merged: int) -> None:
    moments = [Moment(k, k + 1, None if k % 2 else float(k)) for k in range(count)]
    found, size = drawing._merged(moments)
    assert (len(found), size) == (levels, merged)
    assert (found[0].start, found[-1].end) == (0, count)
    assert found[0] == Moment(0, merged, 2.0 if merged == 3 else 0.0)


def test_abstaining_and_spans_are_in_words() -> None:
    found = drawn(Moment(0, 1, None), Moment(1, 2, None))
    assert found.text == "From 0.00 s to 2.00 s. In 2 clips it abstains. No stretch of the video is called forged."
    assert (
        spans_in_words([Span(0, 1.255, 1.0), Span(3, 4, 1.0)]) == "Called forged: 0.00 s to 1.25 s, 3.00 s to 4.00 s."
    )


def rows(*values: tuple[int, int, float]) -> tuple[tuple[float, ...], ...]:
    """A map of zeros but for ``(row, column, value)``."""
    known = {(row, column): value for row, column, value in values}
    return tuple(tuple(known.get((i, j), 0.0) for j in range(7)) for i in range(7))


def test_cells_below_a_fiftieth_of_the_largest_are_not_drawn_unless_they_were_chosen() -> None:
    values = rows((0, 0, -5.0), (1, 1, 0.1), (2, 2, 0.099), (3, 3, 4.0), (4, 4, 1.0), (5, 5, 2.0), (6, 6, 3.0))
    found = grid(values, [(2, 2), (6, 0)])
    assert found.largest == 5.0
    assert {(cell.row, cell.column): (cell.strength, cell.positive, cell.chosen) for cell in found.cells} == {
        (0, 0): (1.0, False, False),
        (1, 1): (0.02, True, False),
        (2, 2): (0.02, True, True),
        (3, 3): (0.8, True, False),
        (4, 4): (0.2, True, False),
        (5, 5): (0.4, True, False),
        (6, 6): (0.6, True, False),
        (6, 0): (0.0, False, True),
    }
    assert found.text == (
        "Strongest of 7 by 7 cells, counted from the top left: row 4 column 4, row 7 column 7, row 6 column 6."
    )
    assert grid(rows((1, 1, -2.0))).text == "No cell stands out."


@pytest.mark.parametrize("size", range(1, 8))
def test_images_are_counted_as_they_are_written(size: int) -> None:
    assert frames._characters([bytes(size)]) == len(b64encode(bytes(size)))


def test_images_that_just_fit_are_shown_as_they_are() -> None:
    people = [PersonExplanation(3, {}, (key_frame(1), key_frame(2)))]
    exactly = sum(len(b64encode(frame.image)) for frame in people[0].frames)
    fits, left_out = frames.view_frames(people, exactly)
    assert ([view.reduced for view in fits[3]], left_out) == ([False, False], 0)
    assert b64encode(people[0].frames[0].image).decode() in fits[3][0].source
    reduced, _ = frames.view_frames(people, exactly - 1)
    assert all(view.reduced for view in reduced[3])
    assert frames.view_frames(people, 10) == ({3: ()}, 2)


def test_an_image_says_what_it_is() -> None:
    assert frames._kind(b"\x89PNG\r\n") == "image/png"
    assert frames._kind(b"\xff\xd8\xff\xe0") == "image/jpeg"


def test_layers_of_a_specialist_without_places_in_the_image_are_those_on_the_face() -> None:
    explained = PersonExplanation(0, {"cm": specialist()})
    flat = frames.layers_of(explained, (dataclasses.replace(model(), spatial=False),))
    assert [(layer.number, layer.on, layer.kind) for layer in flat] == [
        (0, "face_view", "effect"),
        (1, "window", "attention"),
    ]
    assert flat[0].effect == 0.93
    assert "Outlined: the cells that were hidden together (effect +0.93; as many at random +0.08)." in flat[0].legend
    assert "(effect" not in frames.layers_of(explained, ())[-1].legend
    assert len(frames.layers_of(explained, ())) == 3  # a specialist that is not known has them all


def test_bars_are_drawn_to_the_hundredth() -> None:
    (bar,) = bars([CueEffect("a", 1, None, 3.0, -1.0)])
    assert (bar.effect, bar.random) == (50.0, -16.67)
    assert bars([CueEffect("a", 1, None, -1.0, 3.0)])[0].effect == -16.67
    assert bars([]) == []
