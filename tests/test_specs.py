"""What an announcement comes to where it says no more than it must: a plugin relies on it."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from dfcore.errors import PluginImportError
from dfcore.specs import (
    LANDMARK_VIEWS,
    VIEWS,
    CueSpec,
    DatasetSpec,
    EvidenceSpec,
    SpecialistSpec,
    StageSpec,
    resolve,
)

PLAIN = SpecialistSpec("cm", "Compression", (CueSpec("dct", 3), CueSpec("blocks", 2)))


def test_a_specialist_that_says_nothing_more_reads_single_frames_without_audio() -> None:
    assert (PLAIN.channels, PLAIN.features) == (5, 5 * 49)
    assert (PLAIN.frames, PLAIN.clip_frames, PLAIN.speech) == (1, 8, 0.0)
    assert (PLAIN.uses_audio, PLAIN.uses_landmarks, PLAIN.trainable, PLAIN.emulation) == (False,) * 4
    assert PLAIN.spatial_map
    assert {PLAIN.views, PLAIN.evidence, PLAIN.augmentations, PLAIN.references} == {()}
    assert {PLAIN.abstain_reason, PLAIN.pseudo_fake, PLAIN.finding, PLAIN.summary} == {""}


def test_what_a_specialist_needs_follows_from_what_it_announces() -> None:
    assert replace(PLAIN, module="x:Y").trainable
    assert replace(PLAIN, speech=0.5).uses_audio
    for view in VIEWS:
        assert replace(PLAIN, views=("face", view)).uses_landmarks == (view in LANDMARK_VIEWS)


def test_evidence_is_of_all_frames_and_a_stage_stands_by_itself() -> None:
    assert EvidenceSpec("ghost", 1, "x:y", 2).frames == 0
    stage = StageSpec(1, "One", "demo", 1e-4, 6, "cross_entropy")
    assert (stage.after, stage.pretraining, stage.chunks) == (None, False, ())
    dataset = DatasetSpec("mine", "Mine", "x:Y")
    assert (dataset.generated, dataset.url, dataset.kaggle, dataset.reason, dataset.defaults) == (False, "", "", "", {})
    other = DatasetSpec("other", "Other", "x:Y")
    dataset.defaults["a"] = 1
    assert other.defaults == {}, "each has its own"


def test_what_a_path_names_must_be_a_class_or_function_and_what_there_is_is_said() -> None:
    assert resolve("dfcore.text:printable") is resolve(resolve)("dfcore.text:printable")
    with pytest.raises(
        PluginImportError, match=r"'dfcore\.version:__version__' .*not a class or function.* defines \w"
    ):
        resolve("dfcore.version:__version__")
    with pytest.raises(
        PluginImportError, match=r"it is '[^']+', not a class or function\. Name one; only_text defines none\."
    ):
        resolve("only_text:TEXT")
    for path in ("dfcore.text", ":x", "dfcore.text:"):
        with pytest.raises(PluginImportError, match="is not of the form"):
            resolve(path)


@pytest.fixture(autouse=True)
def _a_module_without_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("only_text")
    module.TEXT = "text"
    monkeypatch.setitem(sys.modules, "only_text", module)


@pytest.mark.parametrize("name", LANDMARK_VIEWS)
def test_views_of_landmarks_are_views(name: str) -> None:
    assert name in VIEWS
    assert len(set(VIEWS)) == len(VIEWS)
