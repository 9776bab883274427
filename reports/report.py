"""Writes report.html and report.md of a finished run."""

import base64
import hashlib
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ..style.files import write_whole
from . import background, numbers, quality, spending, usage
from .examples import choose_examples
from .headline import headline
from .method import method_lines
from .stored import StoredRun, read_run

__all__ = ["write_report"]

TEMPLATES = Path(__file__).parent / "templates"
# The page stays under this size: texts of examples are cut at the longest of these limits that keeps it so.
MOST_BYTES = 490_000
TEXT_LIMITS = (4000, 2000, 1200, 700, 400, 200, 80, 20)
# What no page can hold: control characters (but tab and line ends), lone surrogates, noncharacters.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
# What means something in Markdown anywhere, and what does so only at the start of a line.
_MARKDOWN = re.compile(r"([\\`*_\[\]|~$])|(?<=^)([#+=-]|\d+(?=[.)](?:\s|$)))")


def write_report(run: Path, *, examples: bool = True) -> list[Path]:
    """Write the run's report.html and report.md and return their paths.

    Without `examples`, no request, output or reference stands in either file. Raises DataError where
    results.json is missing or not readable.
    """
    stored = read_run(run)
    context = _context(stored, examples=examples)
    pages = {"report.html": _fitting_html(stored, context), "report.md": _printable(_markdown(context))}
    for name, text in pages.items():
        write_whole(run / name, text)
    return [run / name for name in pages]


def _fitting_html(run: StoredRun, context: dict[str, Any]) -> str:
    """The page, its example texts cut no shorter than its size demands."""
    text = _printable(_html(context))
    for limit in TEXT_LIMITS[1:]:
        if context["examples"] is None or len(text.encode()) <= MOST_BYTES:
            break
        text = _printable(_html(context | {"examples": choose_examples(run, text_limit=limit)}))
    return text


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text)


def _context(run: StoredRun, *, examples: bool) -> dict[str, Any]:
    """Everything that the templates show."""
    results = run.results
    tested = (results.get("quality") or {}).get(run.candidate or "", {}).get("n")
    return {
        "run": run,
        "results": results,
        "project": str(results.get("project") or run.path.name),
        "created": _date(results.get("created")),
        "tested": tested,
        "headline": headline(run),
        "checks": quality.check_rows(run),
        "examples": choose_examples(run) if examples and run.pairs and run.outputs else None,
        "examples_left_out": not examples,
        "money": results.get("money"),
        "risks": background.risk_rows(run),
        "data": results.get("data"),
        "method": method_lines(run),
        "quality": quality,
        "spending": spending,
        "usage": usage,
        "background": background,
        "say": numbers,
        "icons": _icons(),
        "hold": _hold,
        "parts_of": _parts_of,
    }


def _html(context: dict[str, Any]) -> str:
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8").strip()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    # Both come from this package, never from a run.
    style = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))
    return environment.get_template("report.html.j2").render(
        **context, style=style, script=Markup(script), script_hash=digest,
        page_title=Markup(_css_text(f"{context['project']} · {context['created']}")),
    )  # fmt: skip


def _markdown(context: dict[str, Any]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=False, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined, finalize=_markdown_text,
    )  # fmt: skip
    return environment.get_template("report.md.j2").render(**context)


def _markdown_text(value: Any) -> str:
    """Text of a run as one line of Markdown that shows it as it is."""
    text = " ".join(str(value).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    found = match.group()
    # A number that would open a list: the mark behind it cannot be reached from here, so its first digit is an entity.
    return f"&#{ord(found[0])};{found[1:]}" if found[0].isdigit() else f"\\{found}"


def _css_text(text: str) -> str:
    """The text as the inside of a CSS string: everything but letters, digits and spaces as an escape."""
    clean = _UNPRINTABLE.sub("\ufffd", text)[:120]
    return "".join(c if c.isascii() and (c.isalnum() or c == " ") else f"\\{ord(c):x} " for c in clean)


def _hold(text: Any) -> str:
    """The text with each number kept on one line with its unit."""
    return re.sub(r"(?<=\d) (?=(%|[A-Z]{3}\b|days?\b|points?\b|tokens?\b))", "\u00a0", str(text))


def _parts_of(value: str) -> tuple[str, str]:
    """A formatted figure as (number, unit), so that the unit can be set smaller."""
    number, _, unit = value.partition("\u00a0")
    return (number, unit) if number[:1].isdigit() or number[:1] in "+−" else (value, "")


def _date(created: Any) -> str:
    """`25 November 2026` of an ISO time; anything else as it is."""
    try:
        moment = datetime.fromisoformat(str(created))
    except ValueError:
        return str(created or "")
    return f"{moment.day} {moment:%B %Y}"


# Drawn on a 20 x 20 grid: a tick, a speech bubble, a question mark, a warning triangle, a dash.
_ICONS = {
    "go": '<path d="m4.5 10.5 3.8 3.8 7.4-8.2"/>',
    "stay": '<path d="M3.5 4.5h13v9h-7l-3.5 3v-3h-2.5z"/>',
    "open": '<path d="M7 7.2a3 3 0 1 1 4.4 2.7c-1 .5-1.4 1-1.4 2.1M10 15.2v.4"/>',
    "fix": '<path d="M10 3 17.5 16.5h-15zM10 8v4M10 14.2v.3"/>',
    "none": '<path d="M5 10h10"/>',
}


def _icons() -> Markup:
    """All icons as symbols, once in the page."""
    return Markup("").join(
        Markup('<symbol id="i-{}" viewBox="0 0 20 20">{}</symbol>').format(tone, Markup(path))
        for tone, path in _ICONS.items()
    )
