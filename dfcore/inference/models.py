"""Finding trained specialists in a folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from dfcore.errors import CheckpointError

if TYPE_CHECKING:
    from dfcore.models.specialist import Specialist

__all__ = ["find_models", "load_models"]

FINAL = re.compile(r"(?P<name>.+)_stage(?P<stage>\d+)_final\.pt")


def find_models(folder: Path) -> list[Path]:
    """The final weights under ``folder`` (or the file itself): for each specialist those of its highest stage.

    Of several with the same name and stage the newest counts.

    Raises:
        CheckpointError: there are none.
    """
    if folder.is_file():
        return [folder]
    newest: dict[str, tuple[int, float, Path]] = {}
    for path in sorted(folder.rglob("*_final.pt")) if folder.is_dir() else ():
        match = FINAL.fullmatch(path.name)
        if match:
            candidate = (int(match["stage"]), path.stat().st_mtime, path)
            newest[match["name"]] = max(newest.get(match["name"], candidate), candidate)
    if not newest:
        what = "holds no *_stage*_final.pt" if folder.is_dir() else "does not exist"
        raise CheckpointError(
            f"{folder} {what}. Train a specialist first, for example `dfcore train cm --stage 1 --data demo`, "
            "then give the folder of its runs: --models runs."
        )
    return [path for _, _, path in (newest[name] for name in sorted(newest))]


def load_models(paths: list[Path], device: str) -> list[Specialist]:
    """The specialists in those files, in evaluation mode on ``device``."""
    from dfcore.models.factory import load

    return [load(path, device=device) for path in paths]
