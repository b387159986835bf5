"""Files of what was learnt on validation videos: strict JSON, and nothing in them is taken on trust.

A file is one object with ``"format": 1``. What is not exactly that is refused with
:class:`~dfcore.errors.CheckpointError`: a number that is not finite or too large, a name that stands twice, a text or
file of a size that nobody needs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from dfcore.errors import CheckpointError
from dfcore.filesystem.paths import read_regular, require_file
from dfcore.filesystem.writing import replacing

__all__ = ["FORMAT", "beside", "numbers", "only", "read_stored", "require_weights", "take", "texts", "write_stored"]

FORMAT = 1
"""Raised by one when what is in the files changes its meaning."""
MAX_BYTES = 64 * 2**20
MAX_TEXT = 4096
MAX_WHOLE = 2**53
"""Whole numbers beyond it are not exact as floats."""


def beside(weights: Path, suffix: str) -> Path:
    """Where a file that belongs to a file of weights lies: under the specialist's and stage's name, with ``suffix``."""
    name = weights.name.removesuffix("_final.pt")
    return weights.with_name((name if name != weights.name else weights.stem) + suffix)


def require_weights(path: Path | str, made_from: str, weights_hash: str | None, remedy: str) -> None:
    """Refuse what was learnt of other weights than those it lies beside.

    Args:
        path: the file.
        made_from: the hash that it names.
        weights_hash: of the weights; None where the file is only looked at.
        remedy: what to do.

    Raises:
        CheckpointError: the hashes differ.
    """
    if weights_hash is not None and made_from != weights_hash:
        raise CheckpointError(
            f"{path} belongs to other weights: it was made from {made_from[:12]}, and those beside it are "
            f"{weights_hash[:12]}. They were trained again or replaced since. {remedy}"
        )


def write_stored(path: Path | str, values: Mapping[str, Any]) -> None:
    """Write ``values`` atomically, one key a line; the same values give the same bytes.

    Raises:
        WriteError: it cannot be written; what was there is as it was.
        ValueError: a number is not finite.
    """
    lines = [f"  {json.dumps(key)}: {_one_line(value)}" for key, value in {"format": FORMAT, **values}.items()]
    content = ("{\n" + ",\n".join(lines) + "\n}\n").encode()
    with replacing(Path(path), len(content)) as temporary:
        temporary.write_bytes(content)


def _one_line(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    odd = any("\ud800" <= letter <= "\udfff" for letter in text)  # a path that is no UTF-8
    return json.dumps(value, allow_nan=False) if odd else text


def read_stored(path: Path | str, remedy: str) -> dict[str, Any]:
    """The object in a file that :func:`write_stored` wrote, without its format.

    Args:
        path: the file.
        remedy: what to do where it cannot be used (``"Calibrate again."``).

    Raises:
        CheckpointError: it is missing, damaged, too large, of another format, or holds what JSON has not.
    """
    path = Path(path)
    require_file(path, CheckpointError, remedy=remedy)
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise CheckpointError(f"{path} has {size / 2**20:.0f} MiB: it was not written by dfcore. {remedy}")
        found = json.loads(read_regular(path), object_pairs_hook=_object, parse_constant=_refuse)
        _check_plain(found)
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}. {remedy}") from error
    if not isinstance(found, dict) or "format" not in found:
        raise CheckpointError(f"{path} was not written by dfcore: it names no format. {remedy}")
    if found["format"] != FORMAT:
        raise CheckpointError(
            f"{path} has format {found['format']!r}, this dfcore reads format {FORMAT}. Use the dfcore that wrote it. "
            f"Or: {remedy}"
        )
    del found["format"]
    return found


def take(stored: Mapping[str, Any], name: str, *kinds: type | None) -> Any:
    """The value under ``name``, which must be of one of ``kinds`` (None: null is one of them).

    Raises:
        CheckpointError: it is missing or of another kind.
    """
    if name not in stored:
        raise CheckpointError(f"{name!r} is missing")
    value = stored[name]
    allowed = tuple(kind for kind in kinds if kind is not None)
    if value is None and None in kinds:
        return None
    # A boolean is an int to Python; a whole number is as good as a float in JSON.
    if isinstance(value, bool) and bool not in allowed:
        allowed = ()
    if float in allowed and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, allowed):
        expected = " or ".join("null" if kind is None else kind.__name__ for kind in kinds)
        raise CheckpointError(f"{name!r} should be {expected}; found {value!r:.60}")
    return value


def only(stored: Mapping[str, Any], kind: type) -> None:
    """Refuse what the dataclass ``kind`` has no field for: it was written by another version, or by hand.

    Raises:
        CheckpointError: it names the first such key.
    """
    unknown = sorted(set(stored) - {field.name for field in fields(kind)})
    if unknown:
        raise CheckpointError(f"{unknown[0]!r:.60} is unknown")


def numbers(stored: Mapping[str, Any], name: str, *kinds: type | None) -> dict[str, Any]:
    """The object of numbers under ``name``: of ``kinds``, or floats.

    Raises:
        CheckpointError: it is missing, or a value in it is not a number.
    """
    found = take(stored, name, dict)
    return {key: take(found, key, *(kinds or (float,))) for key in found}


def texts(stored: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The list of texts under ``name``.

    Raises:
        CheckpointError: it is missing, or something in it is no text.
    """
    found: Sequence[Any] = take(stored, name, list)
    if not all(isinstance(value, str) for value in found):
        raise CheckpointError(f"{name!r} should be a list of texts; found {found!r:.60}")
    return tuple(found)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(n for n in names if names.count(n) > 1)!r:.60} stands twice in an object")
    return found


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not a number")


def _check_plain(value: Any) -> None:
    """Refuse numbers that are not finite or exact, and texts of absurd length."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str) and len(one) > MAX_TEXT:
            raise ValueError(f"a text of {len(one)} characters ({one[:20]!r}...)")
        elif isinstance(one, float) and not math.isfinite(one):
            raise ValueError("a number is too large")
        elif isinstance(one, int) and abs(one) > MAX_WHOLE:
            raise ValueError("a whole number is too large")
