"""docs/config.md, from the keys themselves: ``python -m dfcore.config.reference > docs/config.md``."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any, get_args, get_origin

from dfcore.config.keys import Key
from dfcore.config.sections import TrainConfig, keys

__all__ = ["reference"]

HEAD = """\
# Configuration

Every key of a run's configuration. This page is made from the keys' own definitions
(`python -m dfcore.config.reference > docs/config.md`); a test compares the two.

A key is set

* in `dfcore.toml`, which is looked for in the working directory and its parents, or named by `DFCORE_CONFIG`:

  ```toml
  [datasets]
  faceforensics = "/data/FaceForensics++"

  [set]
  "stage.batch_size" = 32
  ```

* on the command line, by an option of its own (`--epochs 3`) or with `--set stage.epochs=3`;
* in Python: `dfcore.configure("cm", set={"stage.epochs": 3})`.

A number without an upper bound in the tables is at most 1,000,000.

Later sources win: what the stage announces (`dfcore stages`), what the dataset announces as its defaults,
`dfcore.toml`, the options or arguments (`--data`, `data=`), `--set` or `set=`. A dataset's folder can stand in the
environment too (`DFCORE_DATASET_FACEFORENSICS=/data/ff`), which wins over `[datasets]` in the file.

The file may come with a folder that somebody else made. So its values name only what installed plugins announce, never
code to import (`--set` and `set=` may name a face detector as `package.module:Class`), and the commands say first where
it has runs or clips written outside of the working directory. Every name is looked up before anything is prepared.

A value of another type, or out of its range, is refused wherever it comes from, before anything is done; so are numbers
that are not finite. In text a list is written `a,b,c`, a truth value `true` or `false`.
"""
_TYPES = {int: "whole number", float: "number", bool: "true or false", str: "text"}


def reference() -> str:
    """The page."""
    lines = [HEAD]
    for section in dataclasses.fields(TrainConfig):
        if section.default_factory is dataclasses.MISSING:
            continue
        content = section.default_factory()
        lines += [f"## {section.name}", "", (type(content).__doc__ or "").strip(), ""]
        lines += ["| key | takes | default | meaning |", "|---|---|---|---|"]
        for field in dataclasses.fields(content):
            name = f"{section.name}.{field.name}"
            kind, about = keys()[name]
            default = _shown(getattr(content, field.name))
            lines.append(f"| `{name}` | {_takes(kind, about)} | {default} | {about.meaning} |")
        lines.append("")
    return "\n".join(lines)


def _takes(kind: Any, about: Key) -> str:
    optional = get_origin(kind) not in (None, tuple)
    if optional:
        kind = next(option for option in get_args(kind) if option is not type(None))
    words = "list" if get_origin(kind) is tuple else _TYPES[kind]
    if about.choices:
        words = ", ".join(f"`{choice}`" for choice in about.choices)
    elif about.range:
        words += f", {about.range}"
    return f"{words}, or `none`" if optional else words


def _shown(value: Any) -> str:
    if value is None:
        return "`none`"
    if value in ("", ()):
        return "empty"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
