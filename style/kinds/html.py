"""The check `html`: a fragment of HTML that is well formed, with the tags and the structure that are wanted."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from ...core import ConfigError
from ..columns import Columns
from ..schema import Check, Findings, Kind, Proposal, faults
from ..words import listed

_VOID_NAMES = "area base br col embed hr img input link meta source track wbr"
_BLOCK_NAMES = (
    "address article aside blockquote details div dl fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr main nav ol p "
    "pre section table ul"
)
_OTHER_NAMES = (
    "a abbr audio b bdi bdo big body button canvas caption center cite code colgroup data datalist dd del dfn dialog dt em "
    "figcaption font head hgroup html i iframe ins kbd label legend li map mark math menu meter noscript object optgroup "
    "option output picture progress q rp rt ruby s samp script search select slot small span strike strong style sub summary "
    "sup svg tbody td template textarea tfoot th thead time title tr tt u var video"
)
_VOID, _BLOCKS = frozenset(_VOID_NAMES.split()), frozenset(_BLOCK_NAMES.split())
_KNOWN = _VOID | _BLOCKS | frozenset(_OTHER_NAMES.split())
_PARENTS = {
    "li": ("ul", "ol", "menu"), "dt": ("dl", "div"), "dd": ("dl", "div"), "tr": ("table", "thead", "tbody", "tfoot"),
    "td": ("tr",), "th": ("tr",), "thead": ("table",), "tbody": ("table",), "tfoot": ("table",),
}  # fmt: skip
# A tag with its attributes, a comment's beginning, or what looks like a tag and is none. Never fails once it has begun.
_TAG = re.compile(
    r"<(?:(?P<comment>!--)|(?P<slash>/?)(?P<name>[A-Za-z][A-Za-z0-9-]*)"
    r"(?P<rest>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*)(?P<end>>?)|(?P<odd>[/!?]))"
)
_PART = re.compile(r"([a-z][a-z0-9-]*)([?*+]?)")
_MOST_FAULTS = 50  # of one output
_HTML_SHARE, _TAG_SHARE, _REQUIRED_SHARE, _FEWEST_ROWS = 0.8, 0.005, 0.97, 20

Fault = tuple[str | None, int | None, int | None, str]  # found, start, end, expected


@dataclass(frozen=True)
class HtmlParameters:
    """The allowed `tags` (without any: those of HTML), the `required` ones, and the `structure`.

    The structure lists the outermost elements in order: `p` once, `p?` at most once, `p+` at least once, `p*` any number.
    """

    tags: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    structure: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (*self.tags, *self.required):
            if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
                raise ConfigError(f'"{name}" is not the name of a tag in lower case, such as p or h2')
        for part in self.structure:
            if not _PART.fullmatch(part):
                raise ConfigError(f'"{part}" in "structure" is not a tag with ?, + or * after it, such as p or li+')
        named = [*self.required, *(_PART.sub(r"\1", part) for part in self.structure)]
        if self.tags and (wrong := [name for name in named if name not in self.tags]):
            raise ConfigError(f'"{wrong[0]}" is required or in "structure", but not among the allowed "tags"')


def _find_html(check: Check, columns: Columns) -> Findings:
    p: HtmlParameters = check.parameters
    outputs = pl.DataFrame({"text": columns.output, "tags": _tags_alone(columns.output)}).with_row_index()
    right = [tags for tags in outputs["tags"].unique(maintain_order=True) if not _faults_in(tags, p)]
    rows = []
    for index, text in outputs.filter(~pl.col("tags").is_in(right)).select("index", "text").iter_rows():
        rows += [(index, *fault) for fault in _faults_in(text, p)]
    return Findings(faults(rows))


def _tags_alone(texts: pl.Series) -> pl.Series:
    """The texts with one letter for each text between tags: texts of one template are then the same."""
    short = texts.str.replace_all(r"(^|>)[^<]*[^<\s][^<]*", "${1}x")
    return short.str.replace_all(r"(^|>)\s+", "${1}")


@dataclass
class _Open:
    """An element that is not closed yet."""

    name: str
    tag: str
    start: int


def _faults_in(text: str, p: HtmlParameters) -> list[Fault]:
    """What is wrong with one text, in order; at most so many. Linear in its length."""
    stack: list[_Open] = []
    count: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    outermost: list[str] = []
    wrong: list[Fault] = []
    reached, allowed = 0, frozenset(p.tags) or _KNOWN
    for tag, name, closing, start, end in _tokens(text):
        if not stack and p.structure:
            wrong += _loose_text(text, reached, start)
        reached = end
        if not name:
            wrong.append((tag, start, end, "a whole tag, or &lt; for the sign"))
        elif closing:
            wrong += _closed(stack, count, name, (tag, start, end))
        else:
            seen[name] += 1
            if not stack:
                outermost.append(name)
            wrong += _misplaced(name, stack, allowed, p, (tag, start, end))
            if name not in _VOID and not tag.endswith("/>"):
                stack.append(_Open(name, tag, start))
                count[name] += 1
    if not stack and p.structure:
        wrong += _loose_text(text, reached, len(text))
    wrong += [_unclosed(element) for element in stack]
    wrong += [(None, None, None, f"the tag <{name}>") for name in p.required if not seen[name]]
    if p.structure and not _fits(outermost, p.structure):
        wrong.append((None, None, None, f"the elements {', '.join(p.structure)}, not {', '.join(outermost) or 'none'}"))
    return sorted(wrong, key=lambda fault: len(text) if fault[1] is None else fault[1])[:_MOST_FAULTS]


def _tokens(text: str) -> Iterator[tuple[str, str, bool, int, int]]:
    """Each tag: its text, name (empty if it is not a whole tag), whether it closes, start, end. Comments are skipped."""
    position, last_comment = 0, text.rfind("-->")
    while match := _TAG.search(text, position):
        position = match.end()
        if match["comment"]:
            if position <= last_comment:
                position = text.index("-->", position) + 3
                continue
            yield match.group(), "", False, *match.span()
        elif match["odd"] or not match["end"]:
            if not text.startswith("<!", match.start()):  # a doctype is no fault
                yield (
                    match.group().rstrip() or "<",
                    "",
                    False,
                    match.start(),
                    match.start() + len(match.group().rstrip()),
                )
        else:
            yield match.group(), match["name"].lower(), bool(match["slash"]), *match.span()


def _closed(stack: list[_Open], count: Counter[str], name: str, place: tuple[str, int, int]) -> Iterator[Fault]:
    """Closes the innermost element of that name; those inside it that are still open are faults."""
    if name in _VOID:
        yield *place, f"<{name}> alone, which has no end"
    elif not count[name]:
        yield *place, f"<{name}> before it"
    else:
        while (element := stack.pop()).name != name:
            count[element.name] -= 1
            yield _unclosed(element)
        count[name] -= 1


def _unclosed(element: _Open) -> Fault:
    end = element.start + len(element.tag)
    return element.tag, element.start, end, f"</{element.name}> to close it"


def _misplaced(
    name: str, stack: Sequence[_Open], allowed: frozenset[str], p: HtmlParameters, place: tuple[str, int, int]
) -> Iterator[Fault]:
    """Whether a tag is not allowed at all, or not where it is."""
    parent = stack[-1].name if stack else None
    if name not in allowed:
        yield *place, f"one of the tags {', '.join(p.tags)}" if p.tags else "a tag of HTML"
    elif parent == "p" and name in _BLOCKS:
        yield *place, f"</p> before it, since <p> holds no <{name}>"
    elif name in _PARENTS and parent not in _PARENTS[name]:
        yield *place, f"<{'> or <'.join(_PARENTS[name][:2])}> around it"


def _loose_text(text: str, start: int, end: int) -> Iterator[Fault]:
    """Text outside of all elements."""
    if piece := text[start:end].strip():
        at = text.index(piece, start)
        yield piece, at, at + len(piece), "this text inside an element"


def _fits(outermost: Sequence[str], structure: Sequence[str]) -> bool:
    pattern = "".join(_PART.sub(r"(?:\1;)\2", part) for part in structure)
    # Rust's engine is linear, whatever stands in the structure.
    return bool(pl.Series(["".join(f"{name};" for name in outermost)]).str.contains(rf"\A{pattern}\z").item())


_HOW_OFTEN = {"": "one", "?": "an optional", "+": "one or more", "*": "any number of"}


def _say_html(check: Check) -> str:
    p: HtmlParameters = check.parameters
    sentences = ["Write well-formed HTML: close every tag."]
    if p.tags:
        sentences.append(f"Use only {listed([f'`<{name}>`' for name in p.tags])}.")
    if p.required:
        sentences.append(f"Use {listed([f'`<{name}>`' for name in p.required])} at least once.")
    if p.structure:
        parts = [_PART.fullmatch(part) for part in p.structure]
        named = [f"{_HOW_OFTEN[part[2]]} `<{part[1]}>`" for part in parts if part]
        sentences.append(f"The outermost elements are, in this order: {', '.join(named)}.")
    return " ".join(sentences)


def _propose_html(columns: Columns) -> list[Proposal]:
    """The tags that outputs of HTML use, those that nearly all have, and their outermost elements."""
    tagged = columns.output.str.contains(r"</[A-Za-z][A-Za-z0-9]*\s*>")
    if len(tagged) < _FEWEST_ROWS or tagged.sum() < _HTML_SHARE * len(tagged):
        return []
    skeletons = _tags_alone(columns.output).value_counts().sort(["count", "output"], descending=[True, False])
    tags: Counter[str] = Counter()
    shapes: Counter[tuple[str, ...]] = Counter()
    for skeleton, rows in skeletons.iter_rows():
        names = [name for _, name, closing, *_ in _tokens(skeleton) if name in _KNOWN and not closing]
        tags.update(dict.fromkeys(names, rows))
        shapes[_shape(skeleton)] += rows
    used = sorted(name for name, rows in tags.items() if rows >= max(_TAG_SHARE * len(tagged), 2))
    required = sorted(name for name in used if tags[name] >= _REQUIRED_SHARE * len(tagged))
    shape, fitting = shapes.most_common(1)[0]
    entries = [{"tags": used, "required": required, "structure": list(shape)}] * bool(
        shape and fitting >= 0.5 * len(tagged)
    )
    entries += [{"tags": used, "required": required}] * bool(required)
    return [Proposal({key: value for key, value in entry.items() if value}) for entry in [*entries, {"tags": used}]]


def _shape(skeleton: str) -> tuple[str, ...]:
    """The outermost elements with `+` where one is repeated; empty if there is text outside of them."""
    outermost: list[str] = []
    depth = 0
    reached = 0
    for tag, name, closing, start, end in _tokens(skeleton):
        if depth <= 0 and skeleton[reached:start].strip():
            return ()
        reached = end
        if not closing and depth <= 0:
            repeated = bool(outermost) and outermost[-1].rstrip("+") == name
            outermost[-1:] = [f"{name}+"] if repeated else [*outermost[-1:], name]
        depth += 0 if name in _VOID or tag.endswith("/>") else -1 if closing else 1
    return () if skeleton[reached:].strip() else tuple(outermost)


HTML = Kind("html", "form", HtmlParameters, _find_html, _say_html, _propose_html)
