"""The templates, and the one rule that every text on a page goes through."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from dfcore.inference.report import words
from dfcore.text import printable

__all__ = ["render"]

TEMPLATES = Path(__file__).with_name("templates")
_FILTERS = (
    words.fixed, words.signed, words.percent, words.share, words.ratio_sentence, words.support, words.verdict_title,
    words.hidden_by, words.fact_rows, words.sentence,
)  # fmt: skip


def render(template: str, **values: Any) -> str:
    """A page as text that UTF-8 can encode, whatever the values hold.

    Every value is escaped for HTML, and its control characters, direction marks and bytes that are no text are
    written out (:func:`dfcore.text.printable`).
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update({function.__name__: function for function in _FILTERS})
    return made


def _shown(value: Any) -> Any:
    if isinstance(value, Markup):  # a part of a template, escaped already
        return value
    return "" if value is None else printable(value)
