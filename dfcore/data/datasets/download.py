"""Datasets from Kaggle, through the optional package kagglehub. Nothing is downloaded unless the user asks for it.

kagglehub keeps a half-downloaded archive and goes on with it when asked again. In a Kaggle notebook it attaches the
data in place of downloading.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dfcore.errors import DatasetError, UsageError
from dfcore.filesystem.writing import require_writable
from dfcore.specs import DatasetSpec

__all__ = ["COMPETITION", "download", "source_of"]

COMPETITION = "competitions/"
"""How a handle begins that names a competition's data, not a dataset's."""

_CREDENTIALS = (
    "Make a token under https://www.kaggle.com/settings (API) and give it as KAGGLE_API_TOKEN, or as the file "
    "~/.kaggle/kaggle.json, or as KAGGLE_USERNAME and KAGGLE_KEY; never in a notebook that others can read"
)


def source_of(spec: DatasetSpec, handle: str | None) -> str:
    """The Kaggle handle to download from: the one that the user names, or the owners' own.

    Raises:
        UsageError: the owners do not give the dataset out on Kaggle, or the handle is none.
    """
    if handle is None and not spec.kaggle:
        ask = f": ask them for it at {spec.url}" if spec.url else ""
        raise UsageError(
            f"{spec.title} is not given out on Kaggle by its owners{ask}. If you have access to a copy on Kaggle, and "
            "its terms allow it, name it with handle=OWNER/NAME."
        )
    found = (handle or spec.kaggle).strip("/")
    if len(found.split("/")) not in (2, 4):
        raise UsageError(f"a Kaggle handle is OWNER/NAME or {COMPETITION}NAME, not {found!r}.")
    return found


def download(handle: str, paths: Sequence[str] = (), folder: Path | None = None) -> list[Path]:
    """Download a Kaggle dataset, or parts of it, and say where they lie.

    Args:
        handle: ``OWNER/NAME``, ``OWNER/NAME/versions/N`` or ``competitions/NAME``.
        paths: only these files or folders of it; () means all.
        folder: what is downloaded goes below; None means kagglehub's own cache.

    Raises:
        UsageError: kagglehub is not installed.
        DatasetError: Kaggle refuses (no credentials, rules not accepted), there is nothing of that name, or the
            connection broke; what was downloaded is kept.
    """
    hub = _kagglehub()
    competition = handle.startswith(COMPETITION)
    get: Callable[..., str] = hub.competition_download if competition else hub.dataset_download
    name = handle.removeprefix(COMPETITION)
    with _cache_in(folder):
        try:
            return [Path(get(name, path=path)) for path in paths] if paths else [Path(get(name))]
        except Exception as error:  # of many kinds, from requests to kagglehub's own
            raise DatasetError(_explained(error, handle, competition)) from error


def _kagglehub() -> Any:
    try:
        import kagglehub
    except ImportError as error:
        raise UsageError(
            "downloads from Kaggle need the package kagglehub: pip install 'dfcore[kaggle]' (or kagglehub)."
        ) from error
    return kagglehub


@contextmanager
def _cache_in(folder: Path | None) -> Iterator[None]:
    """Let kagglehub keep its files there. (Its ``output_dir`` refuses a folder that holds a half-done download.)"""
    before = os.environ.get("KAGGLEHUB_CACHE")
    if folder is not None:
        require_writable(folder)
        os.environ["KAGGLEHUB_CACHE"] = str(folder.absolute())
    try:
        yield
    finally:
        os.environ.pop("KAGGLEHUB_CACHE", None)
        if before is not None:
            os.environ["KAGGLEHUB_CACHE"] = before


def _explained(error: Exception, handle: str, competition: bool) -> str:
    """What went wrong in words, and what to do."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    page = f"https://www.kaggle.com/{'' if competition else 'datasets/'}{handle}"
    if type(error).__name__ in ("UnauthenticatedError", "CredentialError") or status in (401, 403):
        access = f"accept the competition's rules at {page}/rules" if competition else f"see that {page} opens for you"
        return f"Kaggle refuses {handle}: {_first(error)}. {_CREDENTIALS}; and {access}. Then run the command again."
    if status == 404:
        return f"Kaggle has no {handle}, or not the path asked for: {_first(error)}. Look at {page}."
    return (
        f"{handle} could not be downloaded: {type(error).__name__}: {_first(error)}. What was downloaded is kept: "
        "the same command goes on with it."
    )


def _first(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]).rstrip(".") or type(error).__name__
