"""Files of weights: loading, the list of models beside a good one, and a backbone's own weights."""

from __future__ import annotations

import io
import json
import random
import shutil
import struct
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .mutate import mutate_bytes, mutate_text
from .outcome import Mutant, Outcome, attempt
from .samples import Samples

__all__ = ["Weights", "rewrite_zip"]

_ODD: tuple[Any, ...] = (
    None, True, -1, 0, 10**9, 10**30, 1e400, "", "x" * 10000, "../../x", "os:system", "vit_giant_patch14_224", [], {},
    [[]], ["a", 1], float("nan"), "cm", "av", "rr", "nothing",
)  # fmt: skip


class Weights:
    """Files of weights."""

    kind, size = "weights", 8

    def __init__(self, samples: Samples) -> None:
        self.folder = samples.models
        self.good = samples.models / "rr_stage1_final.pt"
        self.files = sorted(path for path in samples.models.iterdir() if path != self.good)

    def mutant(self, number: int, rng: random.Random) -> Mutant:
        """Half by their bytes; half of what they say is changed, and the archive is whole."""
        source = rng.choice(self.files)
        content = source.read_bytes()
        if zipfile.is_zipfile(source) and rng.random() < 0.6:
            content, steps = _inside(content, rng)
        else:
            content, steps = mutate_bytes(content, rng)
        return Mutant(number, self.kind, source.name, content, tuple(steps))

    def run(self, mutants: Sequence[Mutant], folder: Path) -> Iterator[Outcome]:
        """Load it, have it among others, use it as a backbone's."""
        import dfcore
        from dfcore.inference.predict import find_and_load

        for mutant in mutants:
            place = folder / str(mutant.number)
            place.mkdir(parents=True)
            path = place / mutant.name
            path.write_bytes(mutant.content)
            if path.suffix == ".pth":
                build = lambda p=path: dfcore.create("rr", backbone="test_efficientnet", backbone_weights=p)  # noqa: E731
                yield attempt(mutant, "backbone weights", build, str(path), check=_finite)[0]
                continue
            yield attempt(mutant, "load", lambda p=path: dfcore.load(p), str(path), check=_finite)[0]
            path.rename(place / "cm_stage1_final.pt")
            shutil.copy(self.good, place)
            found = lambda p=place: find_and_load([p], "cpu")  # noqa: E731
            yield attempt(mutant, "models", found, check=_with_good)[0]
            shutil.rmtree(place)


def _finite(model: Any) -> str:
    bad = [name for name, value in model.state_dict().items() if not bool(value.isfinite().all())]
    return f"loaded with values that are not finite: {bad[:3]}" if bad else ""


def _with_good(roster: Any) -> str:
    labels = [member.label for member in roster.members]
    if not any(label.startswith("rr") for label in labels):
        return f"the good model beside it is lost: {labels}"
    return "" if len(labels) == 2 or roster.notes else "left out without a word"


def _inside(content: bytes, rng: random.Random) -> tuple[bytes, list[str]]:
    """Change a member of the archive and write its checksum anew."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names, compressed = archive.namelist(), archive.infolist()[0].compress_type
        name = rng.choice([n for n in names if n.endswith(("meta.json", "data.pkl", ".safetensors"))] * 4 + names)
        old = archive.read(name)
    if name.endswith("meta.json") and rng.random() < 0.7:
        new, steps = _other_value(old, rng)
    elif name.endswith(".safetensors"):
        new, steps = _other_header(old, rng)
    else:
        new, steps = (mutate_text if name.endswith(".json") else mutate_bytes)(old, rng)
    return rewrite_zip(content, name, new, compressed), [f"{name}: {step}" for step in steps]


def _other_value(content: bytes, rng: random.Random) -> tuple[bytes, list[str]]:
    """Another value at some place of a JSON file."""
    whole = json.loads(content)
    place, key = whole, rng.choice(sorted(whole))
    while isinstance(place[key], dict | list) and place[key] and rng.random() < 0.7:
        place = place[key]
        key = rng.choice(sorted(place)) if isinstance(place, dict) else rng.randrange(len(place))
    place[key] = rng.choice(_ODD)
    return json.dumps(whole).encode(), [f"{key} = {str(place[key])[:40]}"]


def _other_header(content: bytes, rng: random.Random) -> tuple[bytes, list[str]]:
    """A safetensors header that says something else; its length fits, or does not."""
    size = struct.unpack("<Q", content[:8])[0]
    header, steps = mutate_text(content[8 : 8 + size], rng)
    said = rng.choice((len(header), len(header), len(header), 0, 2**63, len(content)))
    return struct.pack("<Q", said) + header + content[8 + size :], [*steps, f"header of {said}"]


def rewrite_zip(content: bytes, name: str, new: bytes, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive with one member's content replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", compression) as archive:
        for member in old.namelist():
            archive.writestr(member, new if member == name else old.read(member))
    return out.getvalue()
