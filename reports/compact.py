"""The same page in fewer bytes: what HTML and CSS let one leave out, and what a page draws many times, written once."""

import re
from collections import Counter

__all__ = ["compact_html", "compact_style"]

# End tags that a parser supplies by itself, with the space behind them, which shows nowhere in tables and lists.
_END_TAGS = re.compile(r"</(?:td|th|tr|thead|tbody|li|dt|dd|option)>\s*")
# The lines of a chart's axis, as charts/rows.py draws them behind each of its rows.
_GRID = re.compile(r'(?:<line class="(?:grid|zero|limit)" x1="[\d.]+%" x2="[\d.]+%" y1="0" y2="100%"/>){2,}')
# A string, which stays; a mark that needs no space around it; a colon before a value; any other space.
_SPACE = r"(?:\s|/\*(?:(?!\*/)[\s\S])*\*/)"
_STYLE = re.compile(rf"""("(?:[^"\\]|\\.)*")|{_SPACE}*([{{}};,]){_SPACE}*|(:)\s+|({_SPACE})+""")


def compact_html(text: str) -> str:
    """The page without the end tags that HTML lets one omit, each grid that several rows share drawn once.

    Texts of a run cannot look like either, as their angle brackets are escaped; the script at the end stays as it is.
    """
    body, mark, script = text.partition("<script>")
    body = _END_TAGS.sub("", body)
    shared = [grid for grid, times in Counter(_GRID.findall(body)).items() if times > 1]
    names = {grid: f"grid-{number}" for number, grid in enumerate(shared, start=1)}
    body = _GRID.sub(lambda found: _use(found.group(), names), body)
    drawn = "".join(f'<g id="{name}">{grid}</g>' for grid, name in names.items())
    return body.replace("</defs>", f"{drawn}</defs>", 1) + mark + script


def compact_style(text: str) -> str:
    """The style sheet without comments and without space that means nothing."""
    return _STYLE.sub(_styled, text).replace(";}", "}").strip()


def _use(grid: str, names: dict[str, str]) -> str:
    return f'<use href="#{names[grid]}"/>' if grid in names else grid


def _styled(match: re.Match[str]) -> str:
    string, mark, colon, space = match.groups()
    return string or mark or colon or (" " if space else "")
