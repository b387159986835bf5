"""The geometry of timelines and maps."""

from __future__ import annotations

import dataclasses
import re

import pytest
from made_report import MAP, key_frame, model, person, specialist

from dfcore.errors import DataError
from dfcore.inference.explanation import CueEffect, Moment, PersonExplanation, Span
from dfcore.inference.report import drawing
from dfcore.inference.report.drawing import bars, draw_timeline, grid
from dfcore.inference.report.frames import layers_of, view_frames


def made(*moments: Moment, **changes: object) -> drawing.Timeline:
    timeline = draw_timeline(specialist(course=moments, **changes))
    assert timeline is not None
    return timeline


def test_time_runs_from_left_to_right_and_fake_is_up() -> None:
    timeline = made(Moment(0, 1, -2.0), Moment(1, 2, 2.0), spans=(Span(1.0, 2.0, 2.0),), threshold=1.0)
    left, top, right, bottom = timeline.plot
    (x0, y0, _), (x1, y1, x2) = (map(float, one) for one in re.findall(r"M(\S+) (\S+)H(\S+)", timeline.steps))
    assert (x0, x1, x2) == (left, (left + right) / 2, right)
    assert top < y1 < (timeline.threshold or 0) < timeline.zero < y0 < bottom
    (band,) = timeline.bands
    assert (band.x, band.x + band.width) == (x1, x2)
    assert [tick.text for tick in timeline.x_ticks][-1] == "2 s"


def test_where_it_abstains_there_is_no_level() -> None:
    timeline = made(Moment(0, 1, 0.5), Moment(1, 2, None), Moment(2, 3, 0.5))
    assert timeline.steps.count("M") == 2
    assert len(timeline.silent) == 1
    assert "In 1 clip it abstains" in timeline.text
    assert draw_timeline(specialist(course=())) is None


def test_a_single_moment_and_a_flat_line_can_be_drawn() -> None:
    assert made(Moment(0, 0, 0.0), spans=(), threshold=None).steps
    assert made(Moment(5, 5, None), spans=(), threshold=None).steps == ""


def test_of_a_long_video_the_highest_of_neighbours_is_kept() -> None:
    peak = 1234
    timeline = made(*(Moment(i, i + 1, 9.0 if i == peak else 0.0) for i in range(5000)), spans=())
    assert timeline.steps.count("M") <= drawing.MOST_MOMENTS
    assert timeline.merged > 1
    heights = [float(one) for one in re.findall(r"M\S+ (\S+)H", timeline.steps)]
    assert heights.index(min(heights)) == peak // timeline.merged
    assert timeline.x_ticks[-1].text == "83:20"


def test_ticks_are_round_and_few() -> None:
    for low, high in ((0, 9.52), (-3.1, 2.2), (0, 0.07), (100, 5000)):
        ticks = drawing._ticks(low, high, 8)
        assert 2 <= len(ticks) <= 9
        assert low <= ticks[0] < ticks[-1] <= high


def test_cells_are_as_strong_as_their_values_and_say_which_way() -> None:
    drawn = grid(MAP, [(6, 6)])
    strongest = max(drawn.cells, key=lambda cell: cell.strength)
    assert (strongest.row, strongest.column, strongest.positive) == (2, 4, True)
    assert drawn.largest == pytest.approx(MAP[2][4])
    assert not next(cell for cell in drawn.cells if (cell.row, cell.column) == (6, 0)).positive
    assert [(cell.row, cell.column) for cell in drawn.cells if cell.chosen] == [(6, 6)]
    assert "row 3 column 5" in drawn.text
    faint = grid(MAP, least=10 * drawn.largest)
    assert faint.largest == pytest.approx(10 * drawn.largest)
    assert max(cell.strength for cell in faint.cells) == pytest.approx(0.1)
    assert grid(tuple(tuple(0.0 for _ in range(7)) for _ in range(7))).text == "No cell stands out."


def test_bars_share_one_scale() -> None:
    first, second = bars([CueEffect("a", 1, None, -2.0, 0.5), CueEffect("b", 1, None, 1.0, 0.0)])
    assert (first.effect, first.random, second.effect) == (-50.0, 12.5, 25.0)
    assert bars([CueEffect("a", 1, None, 0.0, 0.0)])[0].effect == 0


def test_layers_lie_over_the_box_that_they_were_measured_on() -> None:
    layers = layers_of(PersonExplanation(0, {"cm": specialist()}), (model(),))
    assert [(layer.on, layer.kind) for layer in layers] == [
        ("face_view", "effect"), ("window", "effect"), ("window", "attention"),
    ]  # fmt: skip
    (frame,) = view_frames([PersonExplanation(0, {}, (key_frame(side=100),))])[0][0]
    assert frame.boxes["face"] == frame.boxes["face_view"] == (25.0, 20.0, 50.0, 60.0)
    assert frame.boxes["window"] == (0.0, 0.0, 100.0, 100.0)
    wider = dataclasses.replace(key_frame(side=100), face_view=(10.0, 10.0, 90.0, 90.0))
    assert view_frames([PersonExplanation(0, {}, (wider,))])[0][0][0].boxes["face_view"] == (10.0, 10.0, 80.0, 80.0)


def test_images_that_fit_are_kept_as_they_are_and_too_many_are_left_out() -> None:
    people = [PersonExplanation(person().person, {}, tuple(key_frame(i) for i in range(6)))]
    shown, left_out = view_frames(people)
    assert (len(shown[0]), left_out) == (6, 0)
    assert not any(view.reduced for view in shown[0])
    shown, left_out = view_frames(people, budget=3000)
    assert len(shown[0]) + left_out == 6
    assert left_out
    assert sum(len(view.source) for view in shown[0]) < 3000 + 40 * 6


def test_what_is_no_image_is_an_error_that_says_so() -> None:
    broken = [PersonExplanation(0, {}, (key_frame(image=b"text" * 1000),))]
    with pytest.raises(DataError, match="no image that can be read"):
        view_frames(broken, budget=10)
