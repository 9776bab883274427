"""Renders sections as one self-contained HTML page: safe for any text, and as small as HTML and CSS allow."""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ..core import NBSP, kept_together, row_text
from ..core import unbroken as say
from .charts.rows import RANGE
from .words import printable

# End tags that HTML parsers supply themselves, with the whitespace after them, which tables and lists do not show.
_END_TAGS = re.compile(r"</(?:td|th|tr|thead|tbody|li|dt|dd|option)>\s*")
# The grid lines that charts/rows.py draws behind each row of a chart.
_GRID = re.compile(r'(?:<line class="(?:grid|zero|limit)" x1="[\d.]+%" x2="[\d.]+%" y1="0" y2="100%"/>){2,}')
# A string (kept), a punctuation mark that needs no space around it, a colon before a value, any other whitespace.
_SPACE = r"(?:\s|/\*(?:(?!\*/)[\s\S])*\*/)"
_STYLE = re.compile(rf"""("(?:[^"\\]|\\.)*")|{_SPACE}*([{{}};,]){_SPACE}*|(:)\s+|({_SPACE})+""")


@dataclass(frozen=True)
class Section:
    """A section of a page: its anchor, its title, the sentence that states its finding, its template and its content.

    A `folded` section follows the others, closed: title and finding are shown, the content opens under them.
    """

    id: str
    title: str
    lead: str
    template: str
    shown: Mapping[str, Any]
    folded: bool = False


def compact_html(text: str) -> str:
    """The page without optional end tags, with each grid that several rows share drawn once.

    Texts from a run cannot match either pattern, since their angle brackets are escaped. The script at the end is
    unchanged.
    """
    body, mark, script = text.partition("<script>")
    body = _END_TAGS.sub("", body)
    shared = [grid for grid, times in Counter(_GRID.findall(body)).items() if times > 1]
    names = {grid: f"grid-{number}" for number, grid in enumerate(shared, start=1)}
    body = _GRID.sub(lambda found: _use(found.group(), names), body)
    drawn = "".join(f'<g id="{name}">{grid}</g>' for grid, name in names.items())
    return body.replace("</defs>", f"{drawn}</defs>", 1) + mark + script


def compact_style(text: str) -> str:
    """The style sheet without comments and insignificant whitespace."""
    return _STYLE.sub(_style_part, text).replace(";}", "}").strip()


def _use(grid: str, names: dict[str, str]) -> str:
    return f'<use href="#{names[grid]}"/>' if grid in names else grid


def _style_part(match: re.Match[str]) -> str:
    string, mark, colon, space = match.groups()
    return string or mark or colon or (" " if space else "")


HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
# Later files override earlier ones, so phone and paper come last.
STYLES = (
    "base", "first_screen", "layout", "folds", "charts", "tables", "next_steps", "money", "what_if", "data", "examples",
    "phone",
    "paper",
)  # fmt: skip
PAGE_HEADER = "font: 8pt Arial, sans-serif; color: #555;"
# How templates/macros.html.j2 begins a folded part. Texts from a run cannot match, since their angle brackets are escaped.
_FOLD = '<details class="fold">'
# A style attribute that only positions its element. Texts from a run cannot match, since their quotes are escaped.
_POSITION = re.compile(r' style="((?:left|right|width|margin-left|margin-right):-?[0-9.]+%)"')
# Comments on lines of their own, in a style or a script.
_COMMENTS = re.compile(r"^[ \t]*(?://.*|/\*(?:(?!\*/)[\s\S])*\*/[ \t]*)$", re.MULTILINE)


def render_page(
    context: Mapping[str, Any], sections: Sequence[Section], *, scripts: Sequence[str] = (), styles: Sequence[str] = ()
) -> str:
    """The HTML page; `context` holds project, created, counted, footer and headline.

    `scripts` names the files of reports/scripts that the page runs, in order, and `styles` those of reports/styles that
    only this kind of page needs.
    """
    script = "\n".join(_asset("scripts", f"{name}.js") for name in scripts)
    bodies = [(section, render_section(section, context)) for section in sections]
    short, rest = ([pair for pair in bodies if pair[0].folded is folded] for folded in (False, True))
    text = _environment().get_template("page.html.j2").render(
        context, short=short, rest=rest, folds=bool(rest) or any(_FOLD in body for _, body in short), icons=_icons(),
        hold=_hold, parts_of=_parts_of, script=Markup(script), script_hash=_digest(script),
    )  # fmt: skip
    return _styled(compact_html(printable(text)), title=f"{context['project']} · {context['created']}", styles=styles)


def render_section(section: Section, context: Mapping[str, Any]) -> Markup:
    """The body of a section, without its title and lead."""
    template = _environment().get_template(f"sections/{section.template}.html.j2")
    return Markup(template.render({**context, **section.shown}, say=say, hold=_hold))


def _styled(text: str, *, title: str, styles: Sequence[str] = ()) -> str:
    """The page with its one style sheet and the sheet's hash in the policy, which allows no other style.

    Each style attribute that positions a chart element becomes a rule in the sheet.
    """
    positions = dict.fromkeys(_POSITION.findall(text))
    style = "\n".join([
        *(_asset("styles", f"{name}.css") for name in (*STYLES[:-2], *styles, *STYLES[-2:])),
        *(f'[data-place="{position}"]{{{position}}}' for position in positions),
        f'@media print{{@page{{@top-right{{content:"{_css_text(title)}";{PAGE_HEADER}}}}}}}',
    ])  # fmt: skip
    head, body = _POSITION.sub(r' data-place="\1"', text).split("<title>", 1)  # everything before the title is ours
    return head.replace("STYLE-HASH", _digest(style)).replace("STYLE-SHEET", style) + "<title>" + body


def _digest(text: str) -> str:
    """The SHA-256 of a script or style, in the form that a Content-Security-Policy uses."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _asset(folder: str, name: str) -> str:
    """A file of this package without comments and indentation: every byte saved is left for the examples."""
    text = _COMMENTS.sub("", (HERE / folder / name).read_text(encoding="utf-8"))
    if name.endswith(".css"):
        return compact_style(text)
    return "\n".join(line for raw in text.splitlines() if (line := raw.strip()))


@cache
def _environment() -> jinja2.Environment:
    """One environment per process, since a page may be rendered several times until it fits."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters["row_text"] = lambda row: row_text(row, say)
    environment.globals["say"] = say  # for macros, which do not see what a template is given
    return environment


def _css_text(text: str) -> str:
    """The text as the content of a CSS string: everything except letters, digits and spaces is escaped."""
    clean = printable(text)[:120]
    return "".join(c if c.isascii() and (c.isalnum() or c == " ") else f"\\{ord(c):x} " for c in clean)


def _hold(text: Any) -> str:
    """The text with each number kept on the same line as its unit."""
    return kept_together(str(text))


def _parts_of(value: str) -> tuple[str, str]:
    """A formatted figure as (number, unit), so that the unit can be set in smaller type."""
    number, _, unit = value.partition(NBSP)
    return (number, unit) if number[:1].isdigit() or number[:1] in "+−" else (value, "")


# Drawn on a 20 x 20 grid: a check mark, a speech bubble, a question mark, a warning triangle, a dash.
_ICONS = {
    "go": '<path d="m4.5 10.5 3.8 3.8 7.4-8.2"/>',
    "stay": '<path d="M3.5 4.5h13v9h-7l-3.5 3v-3h-2.5z"/>',
    "open": '<path d="M7 7.2a3 3 0 1 1 4.4 2.7c-1 .5-1.4 1-1.4 2.1M10 15.2v.4"/>',
    "fix": '<path d="M10 3 17.5 16.5h-15zM10 8v4M10 14.2v.3"/>',
    "none": '<path d="M5 10h10"/>',
}


def _icons() -> Markup:
    """The icons as symbols and the shape of a range, each defined once per page."""
    return RANGE + Markup("").join(
        Markup('<symbol id="i-{}" viewBox="0 0 20 20">{}</symbol>').format(tone, Markup(path))
        for tone, path in _ICONS.items()
    )
