"""A file's page: what it says, that nothing on it is obeyed, that it loads nothing, and how large it is."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
from pathlib import Path
from typing import Any

import pytest
from made_report import about, explanation, failed, key_frame, model, person, result, specialist
from parsed_html import ParsedPage

from dfcore.inference.explanation import PersonExplanation
from dfcore.inference.report.page import file_page

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)> &lt; {{ 7*7 }} {% raw %}'


def page(found: Any = None, explained: Any = None, **changes: Any) -> ParsedPage:
    parsed = ParsedPage(file_page(found or result(), explained, about(**changes)))
    assert parsed.problems == []
    assert parsed.fetched() == []
    return parsed


def test_the_parser_of_these_tests_sees_what_is_wrong() -> None:
    wrong = ParsedPage('<p id="a"><b></p><i id="a"></i><a href="#b"></a><img src="http://x/y.png" onload="z">')
    assert len(wrong.problems) >= 3
    assert wrong.fetched() == ["onload=", "img src=http://x/y.png"]
    assert ParsedPage("<style>p { background: url(//x) }</style><script></script>").fetched() == ["script", "url(//x"]


def test_the_verdict_comes_with_its_promise_the_ratio_and_the_base_rate() -> None:
    text = page().text
    assert "Fake" in text
    assert "At most 1% of real videos score so high." in text
    assert "said of at most 1% of real videos, by 412 validation videos" in text
    assert "about 60 times as frequent among fakes as among genuine videos" in text
    assert "moderate support" in text
    assert "if 1 in 10 of such videos is fake before" in text
    rows = " ".join(text.split())
    assert "1 in 10 (used above) 1 : 9 6.7 : 1 87.0 %" in rows
    assert "1 in 1,000 1 : 999 1 : 17 5.7 %" in rows


def test_a_capped_ratio_is_said_to_be_a_bound() -> None:
    text = page(result("a.mp4", person(capped=True))).text
    assert "at least 60 times" in text
    assert "too few to say more" in text


def test_without_calibration_nothing_is_promised() -> None:
    raw = person(verdict="uncertain", ratio=None, probability=None, statement="", reason="uncalibrated")
    text = page(result("a.mp4", raw)).text
    assert "nothing that says what it is worth" in text
    assert "no rate of error can be stated" in text
    assert "Likelihood ratio" not in text.split("How to read this report")[-2]


@pytest.mark.parametrize("seen", [None, 0])
def test_a_file_without_a_verdict_says_why(seen: int | None) -> None:
    found = page(failed("clip.mp4", "no face was found <here>", people_seen=seen, notes=("damaged: 3 packets",)))
    assert "No verdict" in found.text
    assert "No face was found <here>" in found.text.split("What could not be judged")[-1]
    assert "Damaged: 3 packets." in found.text
    assert "clip.mp4: no face" not in found.text


def test_several_people_have_sections_of_their_own_and_the_verdict_names_its_person() -> None:
    people = (person(0, "uncertain", 0.3, score=0.4), person(1), person(2, "real", -5.0))
    found = page(result("a.mp4", *people, person=1, people_seen=5))
    assert [one for one in found.named("h2") if one["id"].startswith("person")] == [
        {"id": f"person{number}"} for number in range(3)
    ]
    assert "The verdict is about\nperson 2" in found.text
    assert "3 people were judged, of 5 that were seen" in found.text.split("What could not be judged")[-1]
    assert "among genuine videos as among fakes" in found.text


def test_who_abstains_is_named_with_the_reason() -> None:
    listed = page().text.split("What could not be judged")[-1].split("Scores")[0]
    assert "The specialist av abstains: the file has no audio track." in listed


def test_explanations_show_spans_cues_with_their_control_maps_frames_and_facts() -> None:
    found = page(explained=explanation())
    text = " ".join(found.text.split())
    assert "Called forged: 1.60 s to 4.00 s, 9.00 s to 9.52 s." in text
    assert "dct: without it the log-odds of “fake” are lower" in text
    assert "dct statistics of block DCT (12 channels) 2.31 sd +1.42 +0.11 yes" in text
    assert "0.40 sd −0.20 +0.05 no: the score rises without it" in text  # noqa: RUF001
    assert "the cue map 1 +0.02 +0.08 no: the score hardly changes without it" in text
    assert "Attention: where on the cue map the network looked. It is not a reason for the score." in text
    assert "The inner face carries 1.8 sd less mid-band energy than its rim." in text
    assert "Encoder passes 2" in text
    assert "Frame rate, frames a second 29.97" in text
    assert "They are no part of the verdict" in text
    images = found.named("img")
    assert [image["alt"] for image in images] == [f"Frame {n} at {t} s, about the face of person 1" for n, t in ((12, "0.48"), (40, "1.60"))]  # fmt: skip # noqa: E501
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in images)


def test_the_switch_shows_each_map_without_a_script() -> None:
    found = page(explained=explanation())
    choices = [one for one in found.named("input") if one["type"] == "radio"]
    assert [one["id"] for one in choices] == ["p0none", "p0m0", "p0m1", "p0m2"]
    assert [one["id"] for one in choices if "checked" in one] == ["p0m0"]  # whose cells lower the score most
    for one in choices[1:]:
        assert f"#{one['id']}:checked ~ .shown .{one['id']} {{ display: block; }}" in found.style
        layers = [use for use in found.named("use") if one["id"] in use["class"].split()]
        assert len(layers) == 2
    assert {one["for"] for one in found.named("label")} == {one["id"] for one in choices}


def test_a_cue_map_whose_cells_are_no_places_is_not_laid_over_the_frames() -> None:
    who = PersonExplanation(0, {"av": specialist("av")}, (key_frame(),))
    found = page(explained=explanation("clip.mp4", who))
    labels = found.text.split("Map on the frames")[1].split("Each cell")[0]
    assert "av: what the network sees of the face" in labels
    assert "cue map" not in labels


def test_the_audio_delay_stands_with_the_scores() -> None:
    late = specialist("av", numbers={"delay_ms": 120.0})
    found = page(explained=explanation("clip.mp4", PersonExplanation(0, {"av": late})))
    assert "Delay of the audio (av) 120 ms" in found.text


def test_drawings_are_described_for_who_cannot_see_them() -> None:
    found = page(explained=explanation())
    drawings = [one for one in found.named("svg") if one.get("aria-hidden") != "true"]
    assert drawings
    assert all(one["role"] == "img" and (one.get("aria-label") or one.get("aria-labelledby")) for one in drawings)
    assert "the margin is highest at" in found.text
    assert all("scope" in one for one in found.named("th"))
    assert found.named("html") == [{"lang": "en"}]
    assert len(found.named("main")) == len(found.named("h1")) == 1


def test_models_stand_with_their_quality_data_hash_limits_and_warnings() -> None:
    demo = model(warnings=("cm was trained on demo data.",), limits=("Nothing else was measured.",))
    found = page(models=(demo, model("av")))
    text = " ".join(found.text.split())
    assert text.count("Warning: cm was trained on demo data.") == 2  # above the verdict, and with its model
    assert "FaceForensics++, test split 0.912 0.881 to 0.940 (95 %) 140 560 99 %" in text
    assert model().hash in text
    assert "Trained on faceforensics, stage 1" in text
    assert "Nothing else was measured." in text
    assert "dfcore predict clip.mp4 --models runs --html report.html" in text


def test_the_file_is_named_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"frames")
    assert hashlib.sha256(b"frames").hexdigest() in page(result(path)).text
    path.unlink()
    assert "not known: the file cannot be read" in page(result(path)).text


@pytest.mark.parametrize("name", [EVIL, os.fsdecode(b"caf\xe9\xff.mp4"), "a\x1b[31m\u202egpm.exe\n.mp4", "x" * 250])
def test_names_of_any_characters_are_shown_and_not_obeyed(name: str) -> None:
    text = file_page(result(name), explanation(name), about(command=f"dfcore predict '{name}'"))
    text.encode()  # lone surrogates could not be written
    parsed = ParsedPage(text)
    assert parsed.problems == []
    assert parsed.fetched() == []
    assert not {"\x1b", "\u202e"} & set(text)
    assert "49" not in parsed.text.split("Report on a file")[1][:300]  # no template is made of a name


def test_whatever_comes_from_a_file_or_a_plugin_is_escaped() -> None:
    explained = specialist(label=EVIL, title=EVIL, finding=EVIL, numbers={EVIL: 1.0})
    cue = dataclasses.replace(explained.cues[0], cue=EVIL)
    region = dataclasses.replace(explained.regions[0], on=EVIL)
    explained = dataclasses.replace(explained, cues=(cue,), regions=(region,), abstained=EVIL)
    who = PersonExplanation(0, {EVIL: explained}, (key_frame(),))
    odd = person(reason=EVIL, statement=EVIL, specialists={EVIL: person().specialists["av"]})
    bad = model(EVIL, title=EVIL, summary=EVIL, path=EVIL, hash=EVIL, dataset=EVIL, warnings=(EVIL,), limits=(EVIL,))
    found = result(EVIL, odd, person(1), notes=(EVIL,), people_seen=3)
    page(found, explanation(EVIL, who, **{EVIL: {EVIL: [EVIL]}}), models=(bad,), statements=(EVIL,), device=EVIL)


def test_a_page_refuses_scripts_and_requests_even_if_something_slipped_through() -> None:
    (policy,) = (one["content"] for one in page().named("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy


def test_results_without_explanations_say_so() -> None:
    found = page()
    assert "The scores were not explained" in found.text
    assert not found.named("img")
    assert "0.934" in found.text


def noise(side: int) -> bytes:
    import io

    from PIL import Image

    written = io.BytesIO()
    Image.frombytes("RGB", (side, side), random.Random(0).randbytes(3 * side * side)).save(written, "PNG")
    return written.getvalue()


def test_a_page_stays_below_three_megabytes_whatever_its_frames_are() -> None:
    image = noise(600)
    people = [
        PersonExplanation(number, {"cm": specialist()}, tuple(key_frame(i, 600, image) for i in range(8)))
        for number in range(4)
    ]
    text = file_page(result("a.mp4", *(person(i) for i in range(4))), explanation("a.mp4", *people), about())
    assert len(text.encode()) < 3_000_000
    parsed = ParsedPage(text)
    assert len(parsed.named("img")) == 32
    assert "made smaller for this page" in parsed.text
