"""A section of a page, as data: the outline of a page is a list of these."""

from dataclasses import dataclass

__all__ = ["Section"]


@dataclass(frozen=True)
class Section:
    """One section: its anchor, its title, the sentence that says what it shows, the template of its body."""

    id: str
    title: str
    lead: str
    template: str
