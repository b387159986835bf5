"""Whether what a user is told of a file is a reason: true, in words, and of the file."""

from __future__ import annotations

import re

__all__ = ["fault_of_reason", "fault_of_terminal"]

_INTERNAL = re.compile(
    r"Traceback|\b(?:Type|Attribute|Key|Index|Value|Assertion|ZeroDivision|UnboundLocal|Name|Recursion|Overflow|"
    r"NotImplemented|Unicode\w*|Runtime|Lookup|Arithmetic|Buffer|JSONDecode|Unpickling|Syntax)Error\b|struct\.error|"
    r"has no attribute|not subscriptable|not iterable|unsupported operand|index out of (?:range|bounds)|"
    r"unexpected keyword|positional argument|must be str, not|cannot reshape|could not be broadcast|NoneType|"
    r"object at 0x|not enough values to unpack|invalid literal for|<class '|dictionary changed size|"
    r"buffer size must be|unpack requires"
)
"""Words of an error inside of the program, which say nothing of the file."""
_TYPE_ALONE = re.compile(r"\(?\b\w+(?:Error|Exception)\)?[.:]?\s*$|failed \(\w+\)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def fault_of_reason(reason: str, *names: str) -> str:
    """What is wrong with a reason; "" for nothing.

    Args:
        reason: what the user is told.
        names: of which one must be in it: the file's path, its name.
    """
    if len(reason.strip()) < 12:
        return "no reason"
    if found := _INTERNAL.search(reason):
        return f"an error inside of the program, not a reason: {found[0]!r}"
    if found := _TYPE_ALONE.search(reason):
        return f"the exception's type alone: {found[0]!r}"
    if names and not any(name in reason for name in names):
        return "the file is not named"
    return ""


_LIBRARY = re.compile(
    r"^\[\w[^\]]* @ 0x|Warning:|Traceback \(most recent|^\s+File \".*\", line \d+|\bError:|libpng|Corrupt JPEG", re.M
)


def fault_of_terminal(text: str) -> str:
    """What a library wrote past dfcore, on the terminal; "" for nothing."""
    found = _LIBRARY.search(text)
    return "" if found is None else f"a library's own words on the terminal: {text[found.start() :][:200]!r}"
