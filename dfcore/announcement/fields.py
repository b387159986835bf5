"""The values in an announcement: of the right types, and names that exist. Nothing is imported for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from dfcore import specs
from dfcore.errors import nearest

__all__ = ["Mistake", "dotted_paths", "mistakes"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a value: a whole sentence, and the words by which its line is found in the source."""

    text: str
    words: tuple[str, ...]


def dotted_paths(spec: Any) -> Iterator[tuple[str, str]]:
    """The dotted paths that an announcement holds, with the names of their fields, at any depth; no empty ones."""
    for name, hint in _hints(spec.__class__).items():
        value = getattr(spec, name)
        if isinstance(value, str) and value and _is_path(hint):
            yield name, value
        elif isinstance(value, tuple):
            for inner in value:
                if is_dataclass(inner) and not isinstance(inner, type):
                    yield from dotted_paths(inner)


def mistakes(spec: Any) -> list[Mistake]:
    """What is wrong with an announcement's values; [] where nothing is. Names that contradict it come after types."""
    wrong = list(_wrong_types(spec))
    if wrong:
        return wrong
    found = list(_wrong_paths(spec))
    if isinstance(spec, specs.SpecialistSpec):
        found += _wrong_specialist(spec)
    if isinstance(spec, specs.StageSpec) and (spec.lr <= 0 or spec.epochs < 1):
        found.append(Mistake(f"stage {spec.number} needs lr above 0 and at least 1 epoch.", ("lr", "epochs")))
    name = getattr(spec, "name", "x")
    if not name:
        found.append(Mistake(f"a {type(spec).__name__} needs a name that is not empty.", ("name",)))
    return found


# -- types -----------------------------------------------------------------------------------------------------------


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    found = get_type_hints(kind, include_extras=True)
    return {field.name: found[field.name] for field in fields(kind)}


def _is_path(hint: Any) -> bool:
    if get_origin(hint) is Annotated:
        return bool(hint == specs.DottedPath)
    return any(_is_path(part) for part in get_args(hint)) if get_origin(hint) in (Union, UnionType) else False


def _wrong_types(spec: Any) -> Iterator[Mistake]:
    for name, hint in _hints(spec.__class__).items():
        value = getattr(spec, name)
        kind = get_args(hint)[0] if get_origin(hint) is Annotated else hint
        if get_origin(kind) is tuple:
            yield from _wrong_tuple(name, value, get_args(kind)[0])
        elif not _fits(value, kind):
            found = "None" if value is None else f"the {type(value).__name__} {value!r}"
            yield Mistake(f"{name} must be {_named(hint)}, not {found}.", (f"{name}=", repr(value), name))


def _wrong_tuple(name: str, value: Any, inner: Any) -> Iterator[Mistake]:
    words = (f"{name}=", name)
    if isinstance(value, str):
        yield Mistake(f"{name} must be a tuple of names, not the text {value!r}. Write {name}=({value!r},).", words)
    elif isinstance(value, list | set | frozenset):
        write = ", ".join(map(repr, value))
        yield Mistake(f"{name} must be a tuple, not a {type(value).__name__}. Write {name}=({write},).", words)
    elif not isinstance(value, tuple):
        one = f" Write {name}=({_written(value)},)." if _fits(value, inner) else ""
        yield Mistake(f"{name} must be a tuple, not a {type(value).__name__}.{one}", words)
    else:
        for part in value:
            if _fits(part, inner):
                if is_dataclass(part):
                    yield from _wrong_types(part)
                continue
            write = f" Write {inner.__name__}({', '.join(map(repr, part))})." if isinstance(part, tuple | list) else ""
            text = f"{name} must hold {_named(inner)}, not the {type(part).__name__} {part!r}.{write}"
            yield Mistake(text, (repr(part), *(f'"{one}"' for one in _texts(part)), *words))


def _written(value: Any) -> str:
    return f"{type(value).__name__}(...)" if is_dataclass(value) else repr(value)


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, tuple | list) else []


def _fits(value: Any, kind: Any) -> bool:
    origin = get_origin(kind)
    if kind is Any:
        return True
    if origin is Annotated:
        return _fits(value, get_args(kind)[0])
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in get_args(kind))
    if origin is not None:
        return isinstance(value, origin)
    if kind is None or kind is NoneType:
        return value is None
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _named(kind: Any) -> str:
    """A type in words."""
    if kind == specs.DottedPath:
        return "a dotted path 'package.module:attribute'"
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(_named(part) for part in get_args(kind))
    words = {str: "a text", int: "a whole number", float: "a number", bool: "True or False", NoneType: "None"}
    if get_origin(kind) is Callable or getattr(get_origin(kind), "__name__", "") == "Callable":
        return "a class or function"
    return words.get(kind) or str(getattr(get_origin(kind) or kind, "__name__", kind))


# -- values ----------------------------------------------------------------------------------------------------------


def _wrong_paths(spec: Any) -> Iterator[Mistake]:
    hints = _hints(spec.__class__)
    for field in fields(spec):
        if field.default is MISSING and _is_path(hints[field.name]) and getattr(spec, field.name) == "":
            text = f"{field.name} must be a dotted path 'package.module:attribute', and is empty."
            yield Mistake(text, (f"{field.name}=", f"{type(spec).__name__}("))
    for name, path in dotted_paths(spec):
        module, colon, attribute = path.partition(":")
        parts = (*module.split("."), *attribute.split("."))
        if colon and all(part.isidentifier() for part in parts):
            continue
        before, _, last = path.rpartition(".")
        write = f" Write {name}='{before}:{last}'." if before and not colon else ""
        text = f"{name} must be a dotted path 'package.module:attribute', not {path!r}.{write}"
        yield Mistake(text, (path, f"{name}="))


def _wrong_specialist(spec: specs.SpecialistSpec) -> Iterator[Mistake]:
    evidence = [one.name for one in spec.evidence]
    yield from _wrong_names("views", "view", spec.views, (*specs.VIEWS, *evidence))
    yield from _wrong_names("augmentations", "augmentation", spec.augmentations, specs.AUGMENTATIONS)
    for name in sorted(set(evidence) & set(specs.VIEWS)):
        yield Mistake(f"the evidence {name!r} has the name of a view. Choose another name.", (f'"{name}"', f"'{name}'"))
    for what, names in (("cue", [cue.name for cue in spec.cues]), ("evidence", evidence)):
        for name in sorted(name for name, count in Counter(names).items() if count > 1):
            yield Mistake(f"two {what}s are named {name!r}. Names must differ.", (f'"{name}"', f"'{name}'"))
    sizes = [("CueSpec", cue.name, cue.channels) for cue in spec.cues]
    sizes += [("EvidenceSpec", one.name, one.channels) for one in spec.evidence]
    for kind, name, channels in sizes:
        if channels < 1:
            text = f"{kind} {name!r} must have at least 1 channel, not {channels}."
            yield Mistake(text, (f'"{name}"', f"'{name}'"))
    if not spec.cues:
        text = "cues is empty. Write cues=(CueSpec('name', channels),), the groups of the cue map's channels in order."
        yield Mistake(text, ("cues=", "SpecialistSpec("))
    for name in ("frames", "clip_frames"):
        if getattr(spec, name) < 1:
            yield Mistake(f"{name} must be at least 1, not {getattr(spec, name)}.", (f"{name}=",))
    if spec.clip_frames < spec.frames:
        text = f"clip_frames={spec.clip_frames} is less than frames={spec.frames}. Write clip_frames={spec.frames}."
        yield Mistake(text, ("clip_frames=", "frames="))


def _wrong_names(field: str, what: str, names: Iterable[str], known: tuple[str, ...]) -> Iterator[Mistake]:
    for name in names:
        if name not in known:
            close = nearest(name, known)
            hint = f" Did you mean {close!r}?" if close else ""
            text = f"{field} names {name!r}, and there is no such {what}.{hint} There are {', '.join(known)}."
            yield Mistake(text, (f'"{name}"', f"'{name}'", f"{field}="))
