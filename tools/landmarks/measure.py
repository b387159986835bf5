"""How far a network's points lie from the teacher's, by region, and how well openings follow."""

from __future__ import annotations

import numpy as np

from dfcore.data.faces.dense.points import REGIONS
from dfcore.data.faces.dense.shapes import OPENINGS, mouth_openings

__all__ = ["eyes_apart", "report"]


def eyes_apart(points: np.ndarray) -> np.ndarray:
    """The distance between the eyes of faces ``[n, 95, 2]``."""
    left, right = (points[:, list(REGIONS[name])].mean(1) for name in ("left_eye", "right_eye"))
    return np.linalg.norm(right - left, axis=1)


def report(found: np.ndarray, points: np.ndarray, people: np.ndarray, sources: np.ndarray) -> str:
    """Lines of figures: means over people, so that who is seen often does not count more."""
    error = np.linalg.norm(found - points, axis=2) / eyes_apart(points)[:, None]
    names = sorted(set(people.tolist()))

    def over_people(values: np.ndarray) -> np.ndarray:
        return np.array([values[people == name].mean() for name in names])

    lines = [f"{len(points)} faces of {len(names)} people; error in units of the distance between the eyes"]
    for name, region in {"all": range(error.shape[1]), **REGIONS}.items():
        own = over_people(error[:, list(region)].mean(1))
        lines.append(f"{name:12} mean {own.mean():.4f}  median {np.median(own):.4f}  worst person {own.max():.4f}")
    ours, theirs = mouth_openings(found), mouth_openings(points)
    for k, name in enumerate(OPENINGS):
        lines.append(f"{name:12} {_follows(ours[:, k], theirs[:, k], sources)}")
    return "\n".join(lines)


def _follows(ours: np.ndarray, theirs: np.ndarray, sources: np.ndarray) -> str:
    """Correlation within videos whose mouth moves at all, and the error against the teacher's own spread."""
    found, spread = [], []
    for source in sorted(set(sources.tolist())):
        of = sources == source
        if of.sum() >= 8 and theirs[of].std() > 0.012:
            found.append(np.corrcoef(ours[of], theirs[of])[0, 1])
            spread.append((ours[of] - theirs[of]).std() / theirs[of].std())
    if not found:
        return "no video in which it moves"
    return (
        f"correlation mean {np.mean(found):.3f}, median {np.median(found):.3f}, least {np.min(found):.3f}; "
        f"error's spread {np.median(spread):.2f} of its own ({len(found)} videos)"
    )
