"""What every part of :mod:`peers.worker` needs of a checkout: its modules, and in words why one cannot be imported.

Python 3.8, and nothing but the standard library, as there.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

DISTRIBUTIONS = {
    "PIL": "Pillow", "cv2": "opencv-python", "efficientnet_pytorch": "efficientnet-pytorch",
    "retinaface": "retinaface-pytorch", "skimage": "scikit-image", "sklearn": "scikit-learn", "yaml": "PyYAML",
}  # fmt: skip
"""Under which name a package is installed, where it is not the one that is imported."""


class Unusable(Exception):  # noqa: N818
    """The checkout lacks something; the message says what."""


def module(root: Path, name: str, *folders: str) -> ModuleType:
    """Import a module of the checkout, with these of its folders first on the path."""
    for folder in reversed(folders):
        sys.path.insert(0, str(root / folder))
    place = root / folders[0] / name.replace(".", "/")
    if not (place.is_dir() or place.with_suffix(".py").is_file()):
        raise Unusable(f"{root} has no {place.relative_to(root)}: is it a checkout of this peer?")
    return importlib.import_module(name)


def bare_packages(root: Path, folder: str, names: Sequence[str]) -> None:
    """Let modules of these packages of a checkout be imported without their packages' own ``__init__``.

    DeepfakeBench's import all its detectors, networks, losses and datasets, and so every package that any of them
    needs, for one module of each. Nothing that is measured lives in them.
    """
    for name in names:
        package = sys.modules[name] = ModuleType(name)
        package.__path__ = [str(root / folder / name)]


def why(error: BaseException, root: Path) -> str:
    """One line on what went wrong, that names the package if one is missing."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        theirs = [Path(place) / top for place in sys.path if place.startswith(str(root))]
        if not any(path.is_dir() or path.with_suffix(".py").is_file() for path in theirs):
            return (
                f"its checkout needs the package {DISTRIBUTIONS.get(top, top)} (import {top}), which is not installed"
            )
    text = " ".join(str(error).split())
    return text if isinstance(error, Unusable) else f"its code raised {type(error).__name__}: {text}"


def versions() -> str:
    """What the seconds depend on, of the packages that are imported."""
    names = ("torch", "efficientnet_pytorch", "numpy", "cv2", "albumentations", "dlib")
    found = [
        f"{name} {sys.modules[name].__version__}" for name in names if hasattr(sys.modules.get(name), "__version__")
    ]
    return ", ".join([f"Python {sys.version.split()[0]}", *found])
