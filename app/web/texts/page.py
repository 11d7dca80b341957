"""The shape of a page that only tells something."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, init=False)
class Section:
    """A heading and its paragraphs; ``{name}`` stands for a value of the city or the settings."""

    heading: str
    paragraphs: tuple[str, ...]

    def __init__(self, heading: str, *paragraphs: str) -> None:
        object.__setattr__(self, "heading", heading)
        object.__setattr__(self, "paragraphs", paragraphs)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageText:
    """A page: title, lead, sections; ``map_host`` is said last where the map has a background of another host."""

    title: str
    lead: str
    sections: tuple[Section, ...]
    map_host: str = field(default="")

    def all_texts(self) -> Iterator[str]:
        """Walk the texts in their order."""
        yield from (self.title, self.lead)
        for section in self.sections:
            yield from (section.heading, *section.paragraphs)
        yield self.map_host
