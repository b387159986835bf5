"""Train, measure and run deepfake-video detectors, one specialist for each kind of trace.

As a library::

    import dfcore

    config = dfcore.configure("cm", stage=1, data="/data/FaceForensics++")
    result = dfcore.train(config)

    model = dfcore.load(result.final)                   # a trained specialist
    model = dfcore.create("cm")                         # one with an ImageNet backbone

Importing this package imports no torch; each name below is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from dfcore.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    DatasetError,
    DfcoreError,
    MediaError,
    ModelError,
    PluginApiError,
    PluginError,
    PluginImportError,
    RunError,
    RunExistsError,
    RunInterrupted,
    RunLockedError,
    StoreError,
    TimeLimitReached,
    TrainingError,
    UnknownNameError,
    UsageError,
    WeightsError,
    WriteError,
)
from dfcore.version import __version__

if TYPE_CHECKING:  # what type checkers see; a test compares it with the table below
    from dfcore.api.calibrate import calibrate
    from dfcore.api.configure import configure, configure_curriculum
    from dfcore.api.ensemble import Ensemble
    from dfcore.api.evaluate import evaluate
    from dfcore.api.prepare import estimate_store, prepare
    from dfcore.api.report import ReportResult, report
    from dfcore.api.specialists import SpecialistInfo, describe, register_dataset, specialists
    from dfcore.assessment.result import Evaluation
    from dfcore.config import TrainConfig
    from dfcore.console.progress import SILENT, TERMINAL, Progress
    from dfcore.data.records import Scan, VideoRecord
    from dfcore.data.samples import ClipSamples
    from dfcore.data.store.clip_store import ClipStore
    from dfcore.inference.explain.explainer import explain
    from dfcore.inference.explanation import Explained
    from dfcore.inference.onnx.export import Exported, export
    from dfcore.inference.predict import predict
    from dfcore.inference.results import FileResult
    from dfcore.models.factory import create, load
    from dfcore.models.protocols import SpecialistOutput
    from dfcore.models.specialist import Specialist
    from dfcore.training.curriculum import train_curriculum
    from dfcore.training.inputs.estimate import Estimate
    from dfcore.training.inputs.prepare import Prepared
    from dfcore.training.result import RunResult
    from dfcore.training.trainer import train

_WHERE = {
    "ClipSamples": "dfcore.data.samples",
    "ClipStore": "dfcore.data.store.clip_store",
    "Prepared": "dfcore.training.inputs.prepare",
    "Progress": "dfcore.console.progress",
    "ReportResult": "dfcore.api.report",
    "RunResult": "dfcore.training.result",
    "SILENT": "dfcore.console.progress",
    "Scan": "dfcore.data.records",
    "Specialist": "dfcore.models.specialist",
    "SpecialistInfo": "dfcore.api.specialists",
    "SpecialistOutput": "dfcore.models.protocols",
    "TERMINAL": "dfcore.console.progress",
    "TrainConfig": "dfcore.config",
    "VideoRecord": "dfcore.data.records",
    "Ensemble": "dfcore.api.ensemble",
    "Estimate": "dfcore.training.inputs.estimate",
    "Evaluation": "dfcore.assessment.result",
    "Explained": "dfcore.inference.explanation",
    "Exported": "dfcore.inference.onnx.export",
    "FileResult": "dfcore.inference.results",
    "calibrate": "dfcore.api.calibrate",
    "configure": "dfcore.api.configure",
    "configure_curriculum": "dfcore.api.configure",
    "create": "dfcore.models.factory",
    "describe": "dfcore.api.specialists",
    "estimate_store": "dfcore.api.prepare",
    "explain": "dfcore.inference.explain.explainer",
    "evaluate": "dfcore.api.evaluate",
    "export": "dfcore.inference.onnx.export",
    "load": "dfcore.models.factory",
    "predict": "dfcore.inference.predict",
    "prepare": "dfcore.api.prepare",
    "register_dataset": "dfcore.api.specialists",
    "report": "dfcore.api.report",
    "specialists": "dfcore.api.specialists",
    "train": "dfcore.training.trainer",
    "train_curriculum": "dfcore.training.curriculum",
}
"""The module that has each name. To show another one: a line here, an import above, the name in ``__all__``."""

__all__ = [
    "SILENT",
    "TERMINAL",
    "CheckpointError",
    "ClipSamples",
    "ClipStore",
    "ConfigError",
    "DataError",
    "DatasetError",
    "DfcoreError",
    "Ensemble",
    "Estimate",
    "Evaluation",
    "Explained",
    "Exported",
    "FileResult",
    "MediaError",
    "ModelError",
    "PluginApiError",
    "PluginError",
    "PluginImportError",
    "Prepared",
    "Progress",
    "ReportResult",
    "RunError",
    "RunExistsError",
    "RunInterrupted",
    "RunLockedError",
    "RunResult",
    "Scan",
    "Specialist",
    "SpecialistInfo",
    "SpecialistOutput",
    "StoreError",
    "TimeLimitReached",
    "TrainConfig",
    "TrainingError",
    "UnknownNameError",
    "UsageError",
    "VideoRecord",
    "WeightsError",
    "WriteError",
    "__version__",
    "calibrate",
    "configure",
    "configure_curriculum",
    "create",
    "describe",
    "estimate_store",
    "evaluate",
    "explain",
    "export",
    "load",
    "predict",
    "prepare",
    "register_dataset",
    "report",
    "specialists",
    "train",
    "train_curriculum",
]

if not TYPE_CHECKING:  # a type checker would take any name for good

    def __getattr__(name: str) -> object:
        if name not in _WHERE:
            raise AttributeError(f"module 'dfcore' has no attribute {name!r}")
        found = getattr(import_module(_WHERE[name]), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted(__all__)
