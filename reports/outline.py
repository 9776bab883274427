"""The outlines: which sections a page has, in which order."""

from dataclasses import dataclass

from .sections import curated as curated_leads
from .sections import data as curation
from .sections import examples, gates, judgements, method, provenance, quality, risks, training, usage, what_if, why
from .sections import money as spending
from .stored import StoredCuration, StoredRun

__all__ = ["Section", "curated_outline", "evaluated_outline"]


@dataclass(frozen=True)
class Section:
    """One section: its anchor, its title, the sentence that says what it shows, the template of its body."""

    id: str
    title: str
    lead: str
    template: str


def evaluated_outline(run: StoredRun, *, examples_shown: bool) -> list[Section]:
    """The sections of an evaluated run, those without content left out."""
    results = run.results
    found = [
        ("why", "Why", why.lead(run), bool(results.get("verdict"))),
        ("gates", "Gates", gates.lead(run), bool(results.get("gates"))),
        ("quality", "Quality", quality.lead(run), bool(run.variants)),
        ("examples", "Examples", examples.lead(run), examples_shown),
        ("judgements", "What people preferred", judgements.lead(run), bool(results.get("judgements"))),
        ("tokens", "Tokens and time", usage.lead(run), bool(results.get("tokens") or results.get("seconds"))),
        ("money", "Money", spending.lead(run), True),
        ("what_if", "What if", what_if.lead(run), what_if.page_data(run) is not None),
        ("risks", "Risks", risks.lead(run), bool(results.get("risks"))),
        ("data", "Data", curation.lead(run), True),
        ("training", "Training", training.lead(run), bool(results.get("training"))),
        ("method", "Method and assumptions", method.lead(run), True),
        ("provenance", "Provenance", provenance.lead(results.get("provenance")), bool(results.get("provenance"))),
    ]
    return [Section(id_, title, lead, f"sections/{id_}.html.j2") for id_, title, lead, there in found if there]


def curated_outline(run: StoredCuration, *, origin: dict[str, object]) -> list[Section]:
    """The sections of a run that was curated alone."""
    data = run.summary
    found = [
        ("rows", "Rows", curated_leads.rows_lead(data), True),
        ("apart", "Kept apart", curated_leads.apart_lead(data), True),
        ("style", "Style", curated_leads.style_lead(data), bool(data.get("checks"))),
        ("content", "Content", curated_leads.content_lead(data), True),
        ("warnings", "Warnings", curated_leads.warnings_lead(data), bool(data.get("warnings"))),
        ("method", "Method", method.curation_method_lead(run), True),
        ("provenance", "Provenance", provenance.lead(origin), bool(origin)),
    ]
    own = ("rows", "apart", "style", "content", "warnings")
    return [
        Section(id_, title, lead, f"sections/{'curated_' if id_ in own else ''}{id_}.html.j2")
        for id_, title, lead, there in found
        if there
    ]
