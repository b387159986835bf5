"""A strict reading of a page: elements that are closed in order, identifiers, and whatever a browser would fetch."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"meta", "img", "input", "br", "hr", "link"}
FETCHED = ("src", "href", "xlink:href", "data", "poster", "srcset", "action", "background", "formaction", "ping")
ACTIVE = {"script", "iframe", "object", "embed", "link", "base", "form"}


class ParsedPage(HTMLParser):
    """What a page consists of.

    Attributes:
        elements: every element's name and attributes, in order.
        text: all that is read, without styles.
        problems: what is not closed in order, twice an identifier, or an attribute twice.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text, self.style, self.problems = "", "", list[str]()
        self._open: list[str] = []
        self.feed(page)
        self.close()
        self.problems += [f"<{name}> is never closed" for name in self._open]
        ids = [attributes["id"] for _, attributes in self.elements if "id" in attributes]
        self.problems += [f"the identifier {one} stands twice" for one in {one for one in ids if ids.count(one) > 1}]
        for name, attributes in self.elements:
            named = " ".join(attributes.get(key, "") for key in ("aria-labelledby", "for")).split()
            self.problems += [f"<{name}> is labelled by {one}, which is not there" for one in named if one not in ids]
            target = attributes.get("href", "")
            if target.startswith("#") and target[1:] not in ids:
                self.problems.append(f"the link {target} leads nowhere")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if len({name for name, _ in attrs}) < len(attrs):
            self.problems.append(f"<{tag}> has an attribute twice")
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID and not (self.get_starttag_text() or "").endswith("/>"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "dt", "dd", "label"):
            self.text += " "
        if not self._open or self._open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing, or out of order")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            self.style += data
        else:
            self.text += data

    def named(self, name: str) -> list[dict[str, str]]:
        """The attributes of all elements of a name."""
        return [attributes for element, attributes in self.elements if element == name]

    def fetched(self) -> list[str]:
        """What a browser would fetch or run by itself, apart from images within the page."""
        found = [name for name, _ in self.elements if name in ACTIVE]
        for name, attributes in self.elements:
            found += [f"{key}=" for key in attributes if key.startswith("on")]
            for key in FETCHED:
                value = attributes.get(key, "")
                inside = value.startswith(("#", "data:image/")) or (
                    name == "a" and not value.lower().startswith("java")
                )
                if value and not inside:
                    found.append(f"{name} {key}={value[:60]}")
            found += re.findall(r"url\([^)]{0,40}", attributes.get("style", ""))
        return [*found, *re.findall(r"@import|url\([^)]{0,40}|https?:", self.style)]
