"""Renders a run as one Markdown page for a pull request: safe for any text."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from ..core import row_text
from ..core import unbroken as say
from ..evaluate.results import Gate, Money, VariantCost
from .sections import judgements, next_steps, rivals
from .sections.curation.changed import edited_values
from .sections.first_screen import Headline
from .sections.gates import gate_rows
from .sections.money.money import money_rows
from .sections.risks import risk_rows
from .sections.rules import cause_rows, check_rows
from .stored import StoredRun
from .words import printable, share_text, share_words

# Characters with a meaning in Markdown, anywhere or only at the start of a line.
_MARKDOWN = re.compile(r"([\\`*_\[\]|~$])|(?<=^)([#+=-]|\d+(?=[.)](?:\s|$)))")

# What is safe between backticks in Markdown text and tables: no backtick, pipe, angle bracket, ampersand or line break.
_TYPED = re.compile(r"(?! )[^`|<>&\s\\]+(?: [^`|<>&\s\\]+)*")
# What GitHub turns into a link or mention without markup: URLs, user names, issue numbers.
_LINKING = re.compile(r"(?P<colon>:(?=//))|(?P<dot>(?<=www)\.)|(?P<sign>[@#])(?=\w)", re.IGNORECASE)
_UNLINKED = {
    "colon": "&#58;",
    "dot": "&#46;",
    "@": "&#64;&#8288;",
    "#": "#&#8288;",
}  # &#8288; is an invisible word joiner
TEMPLATES = Path(__file__).parent / "templates"
MOST_VARIANTS = 10
MOST_RULES = 8
MOST_RISKS = 5
MOST_GATES = 10
# The money rows that the page shows.
MONEY = (
    "saving_per_request", "spend_per_day", "investment", "requests_to_pay_back", "saving_per_day", "payback_days",
    "break_even_requests_per_day", "npv",
)  # fmt: skip


def evaluated_markdown(run: StoredRun, *, project: str, headline: Headline) -> str:
    """The page for an evaluated run."""
    judged = " ".join((judgements.lead(run), judgements.agreement(run), *judgements.against_rules(run))).strip()
    risks = risk_rows(run)
    return markdown_page(
        "report.md.j2", project=project, headline=headline, good=run.good, correct=run.correct_apart,
        baseline=_label(run, run.baseline), candidate=_label(run, run.candidate),
        variants=variant_rows(run), ways=way_rows(run), rivals=rivals.lead(run),
        steps=next_steps.step_rows(run), causes=cause_rows(run), moved=moved_rows(run),
        misses=run.results.style and run.results.style.near_misses, money=money_lines(run.results.money),
        risks=risks, fired=risk_lines(run),
        measured=any(row.tone != "none" for row in risks), unchecked=unchecked(run), judged=judged,
        gates=gate_lines(run.results.gates or ()), verdicts=run.results.verdicts,
        edited=edited_values(run.results.data, texts=False),
    )  # fmt: skip


@cache
def _environment(folder: Path) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined, finalize=_safe, autoescape=False,  # finalize escapes Markdown characters
    )  # fmt: skip


def markdown_page(template: str, *, folder: Path = TEMPLATES, **shown: Any) -> str:
    """A template of a folder filled with these values, each of them escaped."""
    return printable(_environment(folder).get_template(template).render(shown))


def _safe(value: Any) -> str:
    """A text as one line of Markdown that shows it literally; a list of `typeset_parts` with its commands as code."""
    if isinstance(value, list):
        return "".join(_code(text) if typed else _literal(re.sub(r"\s+", " ", text)) for text, typed in value).strip()
    return _literal(" ".join(str(value).split()))


def _code(text: str) -> str:
    """A command or a setting as code; plain text if code formatting would not be safe."""
    return f"`{text}`" if _TYPED.fullmatch(text) else _literal(" ".join(text.split()))


def _literal(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _LINKING.sub(lambda found: _UNLINKED[found[0] if found.lastgroup == "sign" else str(found.lastgroup)], text)
    return _MARKDOWN.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    found = match.group()
    # This number would start a list. The match does not include the mark after it, so the first digit becomes an entity.
    return f"&#{ord(found[0])};{found[1:]}" if found[0].isdigit() else f"\\{found}"


def _label(run: StoredRun, name: str | None) -> str | None:
    return None if name is None else run.label(name)


def moved_rows(run: StoredRun) -> list[tuple[str, str, str, str]]:
    """The rules whose violations changed most: sentence, share of violations before and after, change."""
    rows = [row for row in check_rows(run) if row.before is not None and row.after is not None]
    moved = [row for row in rows if row.before != row.after]
    return [(row.sentence, *say.change(row.before, row.after)) for row in moved[:MOST_RULES]]


def variant_rows(run: StoredRun) -> list[tuple[str, ...]]:
    """Per variant: name, requests, three shares with ranges, tokens and cost per request; the compared pair comes first."""
    names = [*reversed(run.compared), *run.others]
    rows = [_variant(run, name) for name in names[:MOST_VARIANTS]]
    if len(names) > MOST_VARIANTS:
        rows.append((f"and {len(names) - MOST_VARIANTS} more", *[""] * (7 if run.correct_apart else 6)))
    return rows


def _variant(run: StoredRun, name: str) -> tuple[str, ...]:
    scored, tokens, money = run.results.quality[name], run.results.tokens.get(name), run.results.money
    total, cost = tokens.total if tokens else None, money.variants.get(name) if money else None
    return (
        run.label(name),
        say.count(scored.n),
        *(share_words(found, scored.acceptable) for found in (scored.acceptable, scored.consistent, scored.faithful)),
        *([] if not run.correct_apart else ["–" if scored.correct is None else share_text(scored.correct)]),
        "not counted" if total is None else say.count(round(total)),
        _cost(cost, money.currency) if money and cost else "–",
    )


def _cost(cost: VariantCost, currency: str) -> str:
    """The cost of a request, or of a day if the variant runs on dedicated machines."""
    if cost.cost_per_request is None:
        return "–"
    machines = cost.machine_cost_per_day
    return f"{say.money(machines, currency)} per day" if machines else say.money(cost.cost_per_request, currency)


def way_rows(run: StoredRun) -> list[tuple[str, ...]]:
    """Per way without training, if there are several: name, what it took, share, difference, cost, payback and chance."""
    rows = rivals.rival_rows(run) if len(run.rivals) > 1 else []
    return [
        (
            f"{row.name} (strongest)" if row.strongest else row.name,
            row.took, row.acceptable, row.difference, row.cost,
            ", ".join(filter(None, (row.payback, row.chance))),
        )
        for row in rows
    ]  # fmt: skip


def money_lines(money: Money | None) -> list[tuple[str, str]]:
    """The main money figures; empty without prices or a volume."""
    if money is None or money.saving_per_request is None:
        return []
    return [(row.label, row_text(row, say)) for row in money_rows(money) if row.key in MONEY]


def risk_lines(run: StoredRun) -> list[tuple[str, str, str]]:
    """The risks that are over or near their limit: name, status, finding."""
    fired = [row for row in risk_rows(run) if row.tone in ("fix", "open")]
    return [(row.id, row.status, row.evidence) for row in fired[:MOST_RISKS]]


def unchecked(run: StoredRun) -> str:
    """The names of the risks that were not checked."""
    return ", ".join(row.id for row in risk_rows(run) if row.tone == "none")


def gate_lines(gates: Sequence[Gate]) -> list[tuple[str, str]]:
    """The gates given to the command and whether each holds; failed gates come first."""
    return [(row.text, row.state) for row in gate_rows(gates)[:MOST_GATES]]
