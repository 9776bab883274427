"""Renders a check-up of data, for a terminal and as a page."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from markupsafe import Markup

from ..core import Row, filled, say, write_whole
from ..core import unbroken as unbroken_say
from ..curate import SEVERITIES, Checkup, Finding
from .page import Section, render_page
from .sections.first_screen import Headline
from .sections.three_numbers import Number, Side
from .words import short, typeset

_EXAMPLES = {"high": 3, "medium": 1, "low": 0}  # shown in a terminal
_COLUMNS = 4  # of an input that are named
_BRIEF = 5  # findings
_TEXT = 110  # characters of an example in a terminal
_TONES = {"high": ("Fix first", "fix"), "medium": ("Look first", "open"), "low": ("Ready to curate", "go")}


# --- terminal -----------------------------------------------------------------------------------------------------


def checkup_text(checkup: Checkup) -> str:
    """The check-up for a terminal: the most important first, with examples and what to type."""
    lines = [*_overview(checkup), ""]
    for severity, title in SEVERITIES.items():
        found = [finding for finding in checkup.findings if finding.severity == severity]
        if found:
            lines += [title, *(line for finding in found for line in _finding_lines(finding)), ""]
    if checkup.clean:
        lines += [*filled(f"Looked for and not found: {', '.join(checkup.clean)}.", indent=2), ""]
    return "\n".join(lines).rstrip()


def checkup_brief(checkup: Checkup) -> str:
    """The most important findings, each in a sentence."""
    shown = [finding for finding in checkup.findings if finding.severity != "low"][:_BRIEF]
    rest = len(checkup.findings) - len(shown)
    lines = [line for finding in shown for line in filled(f"- {finding.title}", indent=2)]
    more = f"- {say.count(rest, 'more finding' if shown else 'finding')} of less weight: see tuneworth check"
    return "\n".join([*lines, more] if rest else lines)


def _overview(checkup: Checkup) -> Iterator[str]:
    yield (
        f"{say.count(checkup.rows_read, 'row')}: {say.count(checkup.pairs, 'pair')}, "
        f"{say.count(checkup.distinct_inputs, 'distinct input')}, {say.count(checkup.distinct_outputs, 'distinct output')}"
    )
    if checkup.proposed:
        named = "No column was named or recognised. " if "output" in checkup.proposed else ""
        other = " If that is wrong, name them with --input and --output." if named else ""
        yield from filled(f"{named}{checkup.reason}{other}")
    yield from filled(f"Read as: {_shape(checkup)}")
    words = {name: spread["words"] for name, spread in checkup.lengths.items()}
    yield from filled(
        "Words: "
        + "; ".join(
            f"{name}s {say.count(n['median'])} (median), at most {say.count(n['longest'])}" for name, n in words.items()
        )
    )


def _shape(checkup: Checkup) -> str:
    """The recognised format; of many input columns only their number."""
    _, output, rest = checkup.shape.partition(", output from ")
    if not output or len(checkup.inputs) <= _COLUMNS:
        return checkup.shape
    return f"input from {say.count(len(checkup.inputs), 'column')}, output from {rest}"


def _finding_lines(finding: Finding) -> Iterator[str]:
    yield from filled(f"- {finding.title}", indent=2)
    for example in finding.examples[: _EXAMPLES[finding.severity]]:
        found = f"{example.found}: " if example.found else ""
        yield from filled(f"    row {example.row}, {found}{short(example.text, _TEXT)}", indent=6)
    if finding.severity == "low":
        return
    if finding.advice:
        yield from filled(f"  {finding.advice}", indent=2)
    if finding.option:
        yield f"    {finding.option}"
    elif finding.setting:
        yield f"    in {_file(finding.setting)}: {finding.setting}"


def _file(setting: str) -> str:
    """The file that a line belongs to."""
    return "style.yaml" if setting.startswith("checks") else "tuneworth.toml"


# --- page ---------------------------------------------------------------------------------------------------------


def write_checkup(checkup: Checkup, page: Path, *, source: str, command: str) -> Path:
    """Write the check-up as one HTML page that needs no network, and return its path."""
    context = {
        "project": source,
        "created": "",
        "counted": f"{say.count(checkup.rows_read)} rows read",
        "footer": f"Every number on this page is in the output of tuneworth check {source} --json.",
        "headline": _headline(checkup, command),
    }
    write_whole(page, render_page(context, list(_sections(checkup)), scripts=("navigation",)))
    return page


def _headline(checkup: Checkup, command: str) -> Headline:
    worst = checkup.findings[0] if checkup.findings else None
    label, tone = _TONES[worst.severity if worst else "low"]
    pairs = say.count(checkup.pairs, "pair")
    urgent, looked = (sum(finding.severity == name for finding in checkup.findings) for name in ("high", "medium"))
    parts = [f"{say.count(urgent, 'finding')} to fix first"] if urgent else []
    parts += [f"{looked} to look at" if parts else f"{say.count(looked, 'finding')} to look at"] if looked else []
    sentence = f"{pairs}: {' and '.join(parts)}." if parts else f"{pairs} without a serious finding."
    return Headline(
        label=label, tone=tone, sentence=sentence,
        numbers=(
            _number("Pairs", checkup.pairs, f"of {say.count(checkup.rows_read, 'row')} read"),
            _number("Distinct inputs", checkup.distinct_inputs, _words(checkup, "input")),
            _number("Distinct outputs", checkup.distinct_outputs, _words(checkup, "output")),
        ),
        doubt=typeset(worst.title if worst and worst.severity != "low" else "A check-up sees form and repetition, not truth."),
        next_step=f'Run "{command}".' if "`" in command else f"Run `{command}`.",
    )  # fmt: skip


def _words(checkup: Checkup, name: str) -> str:
    spread: Mapping[str, int] = checkup.lengths[name]["words"]
    return f"{unbroken_say.count(spread['median'], 'word')} (median), at most {unbroken_say.count(spread['longest'])}"


def _number(title: str, value: int, change: str) -> Number:
    return Number(title, (Side(Row(title.lower(), "", value)),), change, Markup(""))


def _sections(checkup: Checkup) -> Iterator[Section]:
    for severity, title in SEVERITIES.items():
        found = [finding for finding in checkup.findings if finding.severity == severity]
        if found:
            lead = f"{say.count(len(found), 'finding')}, the most important first."
            yield Section(severity, title, lead, "checkup", {"findings": found, "clean": (), "file": _file})
    if checkup.clean:
        lead = "These were looked for and not found."
        yield Section("clean", "Not found", lead, "checkup", {"findings": (), "clean": checkup.clean, "file": _file})
