"""Renders a curation for a terminal, and a run that was only curated as one Markdown page."""

from collections.abc import Iterator

from ..core import as_json, filled, say
from ..curate import Curation, ThresholdRow, meaning_sentence, obstacles
from .markdown import markdown_page
from .sections.curation.certificate import certificate
from .sections.curation.changed import edited_values, fix_sentence
from .sections.curation.data import override_line
from .sections.curation.dropped import dropped_rows
from .sections.curation.style import accepts_sentence, style_rows
from .sections.first_screen import Headline
from .stored import StoredCuration, ledger_place
from .words import short

MOST_LETTERS = 120  # of a rule's sentence on the page

MOST_RULES = 6
EXCERPT = 76  # characters of a text excerpt


def curated_text(data: Curation) -> str:
    """The outcomes and the rules behind them, the splits, the certificate, the decisions, the threshold table."""
    lines = [*_outcomes(data), *_splits(data), *(f"  {text}" for text in data.split_notes)]
    found = obstacles(data)
    accepted = "" if any(one.what == "rules" for one in found) else accepts_sentence(data.style)
    sentences = [fix_sentence(data), accepted, certificate(data)]
    sentences += [meaning_sentence(data.meaning)] if data.meaning else []
    sentences += [one.sentence for one in found]
    for text in filter(None, [*sentences, override_line(data)]):
        lines += filled(text)
    return "\n".join([*lines, *_thresholds(data)])


def _outcomes(data: Curation) -> Iterator[str]:
    outcomes = as_json(data.outcomes)
    dropped = ", ".join(f"{say.count(n)} {name}" for name, n in outcomes.items() if name != "kept" and n)
    read = f"{say.count(data.rows_read, 'row')} read: {say.count(data.outcomes.kept)} kept"
    yield f"{read}; {dropped}" if dropped else read
    if rules := list(data.rules.items()):
        more = f" and {len(rules) - MOST_RULES} more rules" if len(rules) > MOST_RULES else ""
        yield "  by rule: " + ", ".join(f"{rule} {say.count(n)}" for rule, n in rules[:MOST_RULES]) + more


def _splits(data: Curation) -> Iterator[str]:
    counts = as_json(data.splits) if data.splits else {}
    line = "splits: " + ", ".join(f"{say.count(n)} {name}" for name, n in counts.items())
    found = data.certificate.answers_in_test if data.certificate else None
    answers = found.verbatim + found.similar if found else 0
    yield f"{line} ({say.count(answers)} with an output that is also in train)" if answers else line
    if failing := data.references_failing.test if data.references_failing else 0:
        breaks = "row breaks a rule but is" if failing == 1 else "rows break a rule but are"
        yield f"  {say.count(failing)} test {breaks} kept, so that the test is not too easy"


def _thresholds(data: Curation) -> Iterator[str]:
    """The threshold table with the borderline pair of each; empty if not requested."""
    if data.threshold_table is None:
        return
    now = data.near_duplicate.threshold
    yield ""
    yield f"Near duplicates by threshold (near_duplicate is {now:g}), before rows that break a rule are dropped"
    yield "threshold  dropped  conflicts  least similar"
    # The same pair may be the borderline pair of several thresholds; it is shown once, at the first.
    first: dict[tuple[str, str], ThresholdRow] = {}
    for row in data.threshold_table:
        least = f"{row.example['similarity']:.2f}" if row.example else "-"
        yield f"{row.threshold:9.2f}  {row.dropped:7,}  {row.conflicts:9,}  {least:>13}"
        if row.example:
            first.setdefault((row.example["id"], row.example["other_id"]), row)
    for row in first.values():
        example = row.example or {}
        yield ""
        yield f'At {row.threshold:.2f}, "{example["id"]}" is dropped in favour of "{example["other_id"]}":'
        for name in ("input", "output"):
            yield f"  {name:6}  {short(example[name], EXCERPT)}"
            yield f"          {short(example[f'other_{name}'], EXCERPT)}"


def curated_markdown(run: StoredCuration, *, project: str, headline: Headline) -> str:
    """The page for a run that was only curated."""
    data = run.summary
    rules = [(short(text, MOST_LETTERS), broken, share) for text, _, broken, share in style_rows(data)]
    return markdown_page(
        "curated.md.j2", project=project, headline=headline, dropped=dropped_rows(run, texts=False), rules=rules,
        fixed=fix_sentence(data), certificate=certificate(data), warnings=[warning.text for warning in data.warnings],
        ledger=ledger_place(run.path), edited=edited_values(data, texts=False),
    )  # fmt: skip
