"""What the public functions and classes take when nobody says otherwise; documents and programs rest on it."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

import pytest

import dfcore
from dfcore.console.progress import TERMINAL
from dfcore.evaluation.verdicts.rules import ALPHA

JUDGING = {"models": "runs", "device": "auto", "prior": 0.5, "isolate": True}
DEFAULTS: dict[str, dict[str, Any]] = {
    "Ensemble.fit": {"alpha": ALPHA},
    "Evaluation.detector": {"name": ""},
    "Evaluation.figure": {"metric": "auc", "detector": ""},
    "Progress.bar": {"initial": 0, "unit": "it"},
    "Specialist.train": {"mode": True},
    "ClipSamples.from_store": {"samples_per_video": 8, "pseudo_fakes": False, "bystanders": "leave_out", "seed": 0},
    "calibrate": {"alpha": ALPHA},
    "create": {
        "backbone": "efficientnet_b4", "pretrained": True, "attention_head": "cross", "classifier": "mlp", "heads": 8,
        "dropout": 0.3, "image_size": 0, "backbone_input_size": 0, "normalize_features": False, "device": "cpu",
    },
    "describe": {"backbone": ""},
    "estimate_store": {"specialists": (), "sample": 8, "shard": "", "progress": TERMINAL},
    "evaluate": {"progress": TERMINAL},
    "explain": {**JUDGING, "every": 1.0},
    "load": {"device": "cpu"},
    "predict": {**JUDGING, "engine": "torch"},
    "prepare": {"specialists": (), "retry_failed": False, "shard": "", "progress": TERMINAL},
    "register_dataset": {"title": ""},
    "report": {**JUDGING, "explain": True, "resume": False},
    "train": {"resume": False, "overwrite": False, "callbacks": (), "progress": TERMINAL},
    "train_curriculum": {"overwrite": False, "progress": TERMINAL},
}  # fmt: skip
FIELDS: dict[str, dict[str, Any]] = {
    "Evaluation": {"plots": ()},
    "FileResult": {"reason": "", "people": (), "notes": (), "passing": False},
    "Prepared": {"notes": ()},
    "Scan": {"notes": (), "shared_splits": ()},
    "VideoRecord": {
        "manipulation": "original", "split": "", "group": (), "compression": "", "original": "", "part": "",
        "either_forged": False, "stored": "", "emulation": "",
    },
}  # fmt: skip


def callables() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in dfcore.__all__:
        one = getattr(dfcore, name)
        if inspect.isfunction(one):
            found[name] = one
        elif inspect.isclass(one) and not issubclass(one, Exception):
            own = [part for part in vars(one) if not part.startswith("_")]
            found |= {f"{name}.{part}": getattr(one, part) for part in own if callable(getattr(one, part))}
    return found


def test_what_is_taken_by_default_is_in_the_table() -> None:
    found = {}
    for name, one in callables().items():
        given = {key: p.default for key, p in inspect.signature(one).parameters.items() if p.default is not p.empty}
        if set_otherwise := {key: value for key, value in given.items() if value is not None}:
            found[name] = set_otherwise
    assert found == DEFAULTS


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_what_a_result_or_record_holds_by_default(name: str) -> None:
    made = getattr(dfcore, name)
    assert is_dataclass(made)
    known = {field.name: field.default for field in fields(made) if field.default is not MISSING}
    assert {key: value for key, value in known.items() if value is not None} == FIELDS[name]
