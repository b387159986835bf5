"""Every error that dfcore raises on purpose, as one tree.

::

    DfcoreError                     exit 1
    ├── UsageError                  exit 2   a wrong option, value or combination
    │   ├── UnknownNameError        exit 2   a name that nothing installed answers to
    │   └── ConfigError             exit 2   a configuration file or key that cannot be used
    ├── PluginError                 exit 3   a plugin that cannot be loaded
    │   ├── PluginImportError       exit 3
    │   └── PluginApiError          exit 3   it speaks another API number
    ├── DataError                   exit 4   the input data
    │   ├── DatasetError            exit 4   a folder that does not hold the dataset
    │   ├── MediaError              exit 4   one file that cannot be decoded or has no usable face
    │   └── StoreError              exit 4   a clip store that cannot be read
    ├── ModelError                  exit 5   a model that cannot be built
    │   ├── WeightsError            exit 5   weights that are missing or do not fit
    │   └── CheckpointError         exit 5   a checkpoint that cannot be read or trusted
    ├── WriteError                  exit 74  a file that cannot be written: a full disk, a folder without rights
    └── RunError                    exit 6   a training run
        ├── RunExistsError          exit 6   it would overwrite a finished or started run
        ├── RunLockedError          exit 6   another process is writing to it
        ├── TrainingError           exit 6   e.g. the loss is not a number
        └── RunInterrupted          exit 130 Ctrl-C or SIGTERM; the run can be resumed
            └── TimeLimitReached    exit 75  the time limit; likewise

A message names the thing, says what was expected and what was found, lists the choices, suggests the
nearest one, and ends with what to do next. The command line prints the message alone
(``DFCORE_TRACEBACK=1`` prints the traceback too) and exits with the code of the class.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DataError",
    "DatasetError",
    "DfcoreError",
    "MediaError",
    "ModelError",
    "PluginApiError",
    "PluginError",
    "PluginImportError",
    "RunError",
    "RunExistsError",
    "RunInterrupted",
    "RunLockedError",
    "StoreError",
    "TimeLimitReached",
    "TrainingError",
    "UnknownNameError",
    "UsageError",
    "WeightsError",
    "WriteError",
    "nearest",
]


class DfcoreError(Exception):
    """Base of all errors that dfcore raises on purpose."""

    exit_code = 1
    told = False
    """Whether another process prints the message already."""

    def __str__(self) -> str:
        """The message. One that a loader process of torch raised comes with that process's traceback before it."""
        text = super().__str__()
        if not text.startswith("Caught "):
            return text
        return text.rpartition(f"{type(self).__name__}: ")[2].strip() or text


class UsageError(DfcoreError):
    """A wrong option, value or combination of them."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name that nothing installed answers to."""

    def __init__(self, kind: str, name: str, choices: Iterable[str], hint: str = "", *, owner_fault: str = "") -> None:
        self.kind, self.name, self.choices = kind, name, sorted(choices)
        known = ", ".join(self.choices) if self.choices else "none"
        close = nearest(name, self.choices)
        parts = [f"unknown {kind} {name!r}."]
        if owner_fault:
            parts.append(f"A plugin that may bring it has a fault: {owner_fault}")
        elif close:
            parts.append(f"Did you mean {close!r}?")
        parts.append(f"Known: {known}.")
        if hint:
            parts.append(hint)
        super().__init__(" ".join(parts))


class ConfigError(UsageError):
    """A configuration file or key that cannot be used."""


class PluginError(DfcoreError):
    """A plugin that cannot be loaded."""

    exit_code = 3


class PluginImportError(PluginError):
    """The plugin's announcement, or something that it announces, does not import."""


class PluginApiError(PluginError):
    """The plugin speaks another API number than this core."""


class DataError(DfcoreError):
    """The input data."""

    exit_code = 4


class DatasetError(DataError):
    """A folder that does not hold the dataset it is said to hold."""


class MediaError(DataError):
    """One file that cannot be decoded, or that shows no usable face."""


class StoreError(DataError):
    """A clip store that cannot be read."""


class ModelError(DfcoreError):
    """A model that cannot be built."""

    exit_code = 5


class WeightsError(ModelError):
    """Weights that are missing, cannot be fetched, or do not fit the model."""


class CheckpointError(ModelError):
    """A checkpoint that cannot be read, or must not be trusted."""


class WriteError(DfcoreError):
    """A file that cannot be written; what was there before is as it was. A full disk above all."""

    exit_code = 74  # "input/output error", as mail programs use it


class RunError(DfcoreError):
    """A training run that cannot start or go on."""

    exit_code = 6


class RunExistsError(RunError):
    """Starting would overwrite a run that is there already."""


class RunLockedError(RunError):
    """Another process is writing to the run's folder."""


class TrainingError(RunError):
    """Training went wrong, e.g. the loss is not a number."""


class RunInterrupted(RunError):  # noqa: N818 - not an error of anybody's
    """Ctrl-C or SIGTERM; what was done is saved and the run can be resumed."""

    exit_code = 130


class TimeLimitReached(RunInterrupted):
    """The time limit; what was done is saved and the run can be resumed."""

    exit_code = 75  # "temporary: try again", as mail programs use it


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice most like ``name``, or None when none is like it."""
    from difflib import get_close_matches  # costs milliseconds, and only a mistake needs it

    found = get_close_matches(name.lower(), [c.lower() for c in choices], n=1, cutoff=0.5)
    if not found:
        return None
    return next(c for c in choices if c.lower() == found[0])
