"""The values of announcements: types, names and dotted paths, checked without importing what they name."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, replace
from typing import Any, get_type_hints

import pytest

from dfcore import specs
from dfcore.announcement.fields import dotted_paths, mistakes
from dfcore.data.views import _FINISHED_OF_FRAMES, _FINISHED_OF_SAMPLES, _OF_FRAMES, _OF_SAMPLES, CONTROL_VIEWS
from dfcore.data.views.augment import AUGMENTATIONS
from dfcore.plugins import builtins
from dfcore.specs import (
    ComponentSpec,
    CueSpec,
    DatasetSpec,
    DottedPath,
    EvidenceSpec,
    SpecialistSpec,
    StageSpec,
    resolve,
)

GHOST = EvidenceSpec("ghost", 1, "made.module:extract", channels=2)
SPEC = SpecialistSpec("made", "Made", (CueSpec("one", 2),), module="made.module:Cues", evidence=(GHOST,))


def texts(spec: Any) -> str:
    return "\n".join(mistake.text for mistake in mistakes(spec))


def test_what_the_core_announces_has_no_mistake() -> None:
    for name in dir(builtins):
        if name.startswith("dfcore_"):
            assert [mistakes(spec) for spec in getattr(builtins, name)()] == [[]] * len(getattr(builtins, name)())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": 3}, "name must be a text, not the int 3"),
        ({"frames": "2"}, "frames must be a whole number, not the str '2'"),
        ({"frames": True}, "frames must be a whole number"),
        ({"speech": "2 s"}, "speech must be a number"),
        ({"module": None}, "module must be a dotted path 'package.module:attribute', not None"),
        ({"views": ["tiles", "qp"]}, "views must be a tuple, not a list. Write views=('tiles', 'qp',)."),
        ({"views": ("tiles", 3)}, "views must hold a text, not the int 3"),
        ({"evidence": GHOST}, "evidence must be a tuple, not a EvidenceSpec. Write evidence=(EvidenceSpec(...),)."),
        ({"cues": (CueSpec("one", "2"),)}, "channels must be a whole number, not the str '2'"),  # type: ignore[arg-type]
        ({"cues": ()}, "cues is empty"),
        ({"cues": (CueSpec("one", 0),)}, "CueSpec 'one' must have at least 1 channel, not 0"),
        ({"cues": (CueSpec("one", 1), CueSpec("one", 1))}, "two cues are named 'one'"),
        ({"frames": 9}, "Write clip_frames=9"),
        ({"clip_frames": 0}, "clip_frames must be at least 1, not 0"),
        ({"evidence": (replace(GHOST, name="qp"),)}, "the evidence 'qp' has the name of a view"),
        ({"pseudo_fake": "made.module.Fake"}, "Write pseudo_fake='made.module:Fake'"),
        ({"evidence": (replace(GHOST, extractor="made:"),)}, "extractor must be a dotted path"),
        ({"name": ""}, "needs a name that is not empty"),
    ],
)
def test_a_wrong_value_of_a_specialist_is_named(changes: dict[str, Any], says: str) -> None:
    assert mistakes(SPEC) == []
    assert says in texts(replace(SPEC, **changes))


def test_an_evidence_is_a_view_of_its_specialist() -> None:
    assert mistakes(replace(SPEC, views=("tiles", "ghost"))) == []
    assert "Did you mean 'ghost'?" in texts(replace(SPEC, views=("tiles", "gost")))


def test_a_wrong_value_of_other_announcements_is_named() -> None:
    assert "lr above 0" in texts(StageSpec(1, "One", "folder", 0.0, 1, "focal"))
    assert "lr must be a number, not the str '1e-4'" in texts(StageSpec(1, "One", "folder", "1e-4", 1, "focal"))  # type: ignore[arg-type]
    assert "adapter must be a dotted path" in texts(DatasetSpec("a", "A", "made.Videos"))
    assert mistakes(DatasetSpec("a", "A", dict)) == []
    assert "factory must be a dotted path" in texts(ComponentSpec("a", ""))


def test_every_dotted_path_is_found_at_any_depth() -> None:
    spec = replace(SPEC, abstain_reason="made.module:why", pseudo_fake="made.module:Fake")
    assert dict(dotted_paths(spec)) == {
        "module": "made.module:Cues",
        "extractor": "made.module:extract",
        "abstain_reason": "made.module:why",
        "pseudo_fake": "made.module:Fake",
    }


@pytest.mark.parametrize("kind", [SpecialistSpec, ComponentSpec, DatasetSpec, EvidenceSpec])
def test_a_field_that_is_described_as_a_dotted_path_has_that_type(kind: type) -> None:
    text = " ".join((inspect.getdoc(kind) or "").split())
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        described = re.search(rf"(?:\b{field.name}: |``{field.name}`` is a )dotted path", text)
        typed = hints[field.name] == DottedPath or DottedPath in getattr(hints[field.name], "__args__", ())
        assert not described or typed, f"{kind.__name__}.{field.name} must be a DottedPath"


def test_the_names_of_views_and_augmentations_are_those_that_are_built() -> None:
    built = {*_OF_FRAMES, *_OF_SAMPLES, *_FINISHED_OF_FRAMES, *_FINISHED_OF_SAMPLES}
    assert built - {*CONTROL_VIEWS} == set(specs.VIEWS)
    assert tuple(AUGMENTATIONS) == specs.AUGMENTATIONS


def test_a_path_to_what_cannot_be_called_names_what_can() -> None:
    with pytest.raises(Exception, match=r"not a class or function. Name one; dfcore\.version defines package_versions"):
        resolve("dfcore.version:__version__")
    with pytest.raises(Exception, match=r"has no 'Crossentropy'. Did you mean 'CrossEntropy'\?"):
        resolve("dfcore.training.losses:Crossentropy")
    with pytest.raises(Exception, match=r"no module 'dfcore.training.loses'. Did you mean 'dfcore.training.losses'\?"):
        resolve("dfcore.training.loses:CrossEntropy")
