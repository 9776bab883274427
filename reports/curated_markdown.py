"""Renders a run that was only curated as one Markdown page."""

from .markdown import markdown_page
from .sections.curation.certificate import certificate
from .sections.curation.data import style_rows
from .sections.curation.dropped import dropped_rows
from .sections.curation.edited import edited_values
from .sections.curation.fixes import fix_sentence
from .sections.first_screen import Headline
from .stored import StoredCuration, ledger_place
from .words import short

__all__ = ["curated_markdown"]

MOST_LETTERS = 120  # of a rule's sentence


def curated_markdown(run: StoredCuration, *, project: str, headline: Headline) -> str:
    """The page for a run that was only curated."""
    data = run.summary
    rules = [(short(text, MOST_LETTERS), broken, share) for text, _, broken, share in style_rows(data)]
    warnings = [warning["text"] for warning in data.get("warnings") or []]
    return markdown_page(
        "curated.md.j2", project=project, headline=headline, dropped=dropped_rows(run, texts=False), rules=rules,
        fixed=fix_sentence(data), certificate=certificate(data), warnings=warnings, ledger=ledger_place(run.path),
        edited=edited_values(data, texts=False),
    )  # fmt: skip
