"""The check `clean`: refusals, and leftovers of a model or an export."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from ..columns import Columns, regex_places
from ..protected import PROTECTED
from ..schema import Broken, Check, Edit, Explanation, Findings, Fix, Kind, Proposal, ordered_faults

# A refusal comes first and concerns the task: "Sorry, we do not ship to Malta" answers a customer, and
# "I can't praise this kettle enough" reviews a kettle. Rust syntax; case is ignored.
_TASK = (
    r"(?:(?:help|assist)(?: you)?(?: with)? (?:that|this|your request|such)|(?:fulfil|fulfill|complete|process|comply with) "
    r"(?:that|this|your|the|such)(?: \w+)? request|comply\b|help(?: you)?(?: with that)?[.!]?\s*\z"
    r"|provide (?:that|this|such|information|instructions|guidance|assistance|content|the requested|any (?:information"
    r"|content)"
    r"|an? (?:answer|response|description|summary)))"
)
_WRITING = (
    r"(?:write|create|generate|produce|provide|answer|do|engage in|discuss) (?:that|this|an?|any|such|content|your)\b"
)
_CANNOT = r"(?:can(?:no|['’])t|can not|am (?:unable|not able) to|['’]m (?:unable|not able) to|must decline to|won['’]t|will not)"
_SORRY = r"(?:i(?:['’]?m| am) (?:very |really |so )?sorry|sorry|my apologies|apologies|i apologi[sz]e|unfortunately)"
_AS_AI = r"(?:as an? (?:ai|artificial intelligence|language model|large language model)[^,.\n]{0,40},?\s+)"
_LINES = (
    rf"{_SORRY}[,.!]?\s+(?:but\s+)?{_AS_AI}?i\s?{_CANNOT}\s+(?:to\s+)?(?:{_TASK}|{_WRITING}|(?:help|assist)(?: you)? with\b)",
    rf"{_AS_AI}i\s?(?:{_CANNOT}|do not|don['’]t)\b",
    rf"i\s?{_CANNOT}\s+{_TASK}",
    rf"(?:{_SORRY}[,.!]?\s+(?:but\s+)?)?i (?:do not|don['’]t) have (?:enough|sufficient) information to (?:answer|write"
    rf"|create|generate|provide)\b",
    r"(?:es )?tut mir (?:sehr )?leid,?\s+(?:aber\s+)?(?:ich kann|(?:dabei|damit|das|diese anfrage) kann ich)\b[^.\n]{0,60}"
    r"\bnicht\b[^.\n]{0,20}\b(?:helfen|weiterhelfen|unterstützen|erfüllen|bearbeiten|beantworten|erstellen|schreiben)",
    r"(?:je suis (?:vraiment )?désolée?|désolée?)[,.]?\s+(?:mais\s+)?je ne (?:peux|puis) (?:malheureusement )?(?:pas )?"
    r"(?:vous |t['’]|te )?(?:aider|répondre|fournir|créer|générer|rédiger|satisfaire|écrire)\b",
    r"lo (?:siento|lamento)(?: mucho)?[,.]?\s+(?:pero\s+)?no puedo (?:ayudar(?:te|le)?|asistir(?:te|le)?|proporcionar|generar"
    r"|crear|escribir|cumplir|responder)\b",
    r"mi dispiace[,.]?\s+(?:ma\s+)?non posso (?:aiutart?[ile]*|assistert?[ile]*|fornire|creare|generare|scrivere"
    r"|soddisfare)\b",
    r"(?:desculpe|sinto muito|lamento)[,.]?\s+(?:mas\s+)?(?:eu )?não posso (?:ajudar|fornecer|criar|gerar|escrever"
    r"|atender|responder)\b",
    r"het spijt me[,.]?\s+(?:maar\s+)?(?:ik kan|(?:daar|hier) kan ik)\b[^.\n]{0,50}\bniet\b[^.\n]{0,20}\b(?:helpen"
    r"|beantwoorden|schrijven)",
    r"(?:很?抱歉|对不起|對不起)[，,。！]?\s*(?:但是?)?我(?:无法|無法|不能)(?:提供|回答|协助|協助|帮助|幫助|满足|滿足|生成|完成|为您|為您)",
    r"申し訳(?:ありません|ございません)[^。\n]{0,40}(?:お手伝い|お答え|対応|提供|お応え)[^。\n]{0,12}(?:できません|できかねます|いたしかねます)",
)  # fmt: skip
REFUSAL = rf"(?i)\A\s*(?:{'|'.join(_LINES)})"


def refused(outputs: pl.Series) -> pl.Series:
    """Where an output begins with a refusal to do the task."""
    return outputs.str.contains(REFUSAL)


_MADE = (
    r"(?:description|summary|rewrite|rewritten|revision|revised|corrected|improved|translation|output|response|answer|draft"
    r"|completion|rephrased|paraphrase|version)"
)
_OPENER = r"(?:sure(?: thing)?|certainly|of course|absolutely|gladly|happy to help|great question|no problem)"
# The kinds of leftovers by their names in messages. Rust syntax. A phrase counts if it concerns the task: "Sure-grip
# handle", "Here are the facts" and "Feel free to roam" are ordinary language.
_LEFTOVERS = {
    "fences": r"```",
    "assistant phrases": (
        rf"(?i)\A\s*{_OPENER}[,!.:]+\s+(?:here\b|i['’ ](?:can|will|would|ll|d|m)\b|let me\b|below\b|happy\b|please find\b)"
        rf"|\A\s*(?:sure|certainly|of course|absolutely)[!:,.]*[ \t]*(?:\n|\z)"
        rf"|\A\s*here(?:['’]s| is| are) (?:[\w’'-]+ ){{0,6}}?{_MADE}\b[^\n:.]{{0,80}}:"
        r"|\A\s*here(?:['’]s| is| are)\b[^\n.]{0,80}\b(?:based on (?:the|your) (?:input|request|information|details"
        r"|prompt|data)"
        r"|as (?:you )?requested|you (?:asked for|requested))"
        r"|\bas an? (?:ai|artificial intelligence|large language model|language model)(?: language model| model| assistant"
        r"| chatbot)?,? i(?:['’](?:m|d|ll|ve)\b|\b)|\bas an ai language model,"
        r"|\bi(?:['’]m| am) (?:just |only )?an ai(?: language model\b| assistant\b| model\b| chatbot\b|[,.;])"
        r"|\bmy (?:knowledge cut-?off|training data)\b"
        r"|\bi hope (?:this|that) helps\b|\blet me know if you(?:['’]d like me to| (?:would like|want|need) (?:me to"
        r"|any (?:further |more |other )?"
        r"(?:changes|adjustments|modifications|revisions|edits|tweaks)))"
        r"|\bfeel free to (?:ask me|let me know|(?:modify|adjust|customi[sz]e|edit|change|tweak) (?:it|this|the (?:text"
        r"|description|wording)|as)\b)"
        r"|\bwould you like me to (?:add|adjust|revise|rewrite|expand|shorten|make (?:it|this)|generate"
        r"|write)\b[^\n]{0,80}\?\s*\z"
        r"|<\|[a-z][a-z0-9_▁]*\|>|\[/?inst\]|<</?sys>>|<(?:start|end)_of_turn>|</?think>|\A\s*assistant\s*:"
        r"|(?m:^#{2,3} ?(?:instruction|response|input|human|assistant)s? ?:)"
    ),
    "placeholders": (
        r"(?i)\blorem ipsum(?: dolor\b|\s*[.,…]|\s*\z)|\{\{\s*[a-z_][\w. -]*\}\}|[\[<](?:insert|enter|add|fill in"
        r"|placeholder)\b[^\]>\n]{0,60}[\]>]"
        r"|[\[<](?:your|company|product|customer|client|recipient|brand|sender|first|last|full|contact)['’]?s? ?"
        r"(?:name|company|product|e-?mail|e-?mail address|phone(?: number)?|address|title|position|website|brand"
        r"|city)(?: here)?[\]>]"
        r"|\[[^\]\n]{1,30} (?:here|goes here)\]|\$x{2,}(?:\.x{2})?\b|\bx{2,}(?:[-./]x{2,})+\b"
        r"|(?-i:\bxxx+\b|\b(?:TODO|FIXME)\s*:|[\[(]\s*(?:TODO|FIXME)\b[^\])\n]*[\])]|\A\s*TODO\s*\z|\bTBD\b)"
    ),
    "mojibake": (
        r"\x{FFFD}|ï¿½|ï»¿|Ã[\x{80}-\x{BF}]|Ã[ƒ‚„…†‡‰Š‹Œ‘’“”•–—˜™š›œŸ€]|â€|Â[\x{A0}°±µ·«»®©£¥§²³¼½¾¿¡]|ðŸ|[ÄÅ][™›‡¾]"
        r"|(?:[ÐÑ][\x{80}-\x{BF}€‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œŸ]){2,}"
    ),
}  # fmt: skip
# An echo is a line of the request repeated in the output; shorter lines may well recur.
_ECHO_CHARACTERS = 24
# Lines of a request looked for within the lines of an output: as many as read so many characters of it, and at least these.
_MOST_READ, _FEWEST_LOOKED_FOR = 20_000_000, 100
_ECHO_LINE = r"^\w[\w ]*: |(?i)^(?:please|write|describe|generate|create|summari[sz]e|rewrite|translate|explain)\b"


@dataclass(frozen=True)
class CleanParameters:
    """`allow`: exceptions, either texts (in any leftover that contains them) or names of whole kinds.

    The kinds are `fences`, `assistant phrases`, `placeholders`, `mojibake`, `refusals` and `prompt echo`.
    """

    allow: tuple[str, ...] = ()


def _find_clean(check: Check, columns: Columns) -> Findings:
    p: CleanParameters = check.parameters
    allowed = [text.casefold() for text in p.allow]
    texts = columns.once("texts", columns.output.to_list)  # a series copies its text each time that one is asked for
    rows = []
    for name, pattern in _LEFTOVERS.items():
        if name not in allowed:
            for index, found, start, end in regex_places(columns.output, pattern):
                if name != "placeholders" or _is_placeholder(texts[index], start, end):
                    rows.append((index, found, start, end, f"no {name}"))
    if "refusals" not in allowed:
        rows += [(i, text, start, end, "no refusal") for i, text, start, end in regex_places(columns.output, REFUSAL)]
    if "prompt echo" not in allowed:
        rows += _echoes(columns)
    rows = [row for row in rows if not any(text in row[1].casefold() for text in allowed if text)]
    return Findings(ordered_faults(rows))


def _is_placeholder(text: str, start: int, end: int) -> bool:
    """Whether it not only looks like a placeholder, as a link, an expression of a build file or a part of a type number do."""
    found, before, after = text[start:end], text[start - 1 : start], text[end : end + 1]
    if found[0] == "[":
        return after != "("
    if found[0] == "{":
        return before not in ("$", "{", "_", "^") and found.strip("{} ").lower() not in ("and", "or", "to")
    if found.startswith(("x", "TBD")):
        return not (re.match(r"[\w./:_#-]", before) or re.match(r"[-/_]|\.\w", text[end : end + 2]))
    return True


def _echoes(columns: Columns) -> Iterator[tuple[int, str, int, int, str]]:
    """Lines of the request repeated as lines of the output, if they are at least half of the request's lines.

    A single line of many may be intended: a data sheet names the material just as the request does.
    """
    lines = pl.DataFrame({"line": columns.input.str.split("\n")}).with_row_index().explode("line")
    lines = lines.with_columns(pl.col("line").str.strip_chars())
    telling = lines.filter(
        (pl.col("line").str.len_chars() >= _ECHO_CHARACTERS) & pl.col("line").str.contains(_ECHO_LINE)
    )
    found = telling.join(
        _output_lines(columns, telling["index"].unique().sort()), on=["index", "line"], maintain_order="left"
    )
    requests = lines.filter(pl.col("index").is_in(found["index"].implode()))["line", "index"].partition_by(
        "index", as_dict=True
    )
    halves = {
        index: _repeats_half(table["line"].to_list(), columns.output[index]) for (index,), table in requests.items()
    }
    whole = {index: columns.output[index].strip() for index in halves}
    for index, line, start in found.select("index", "line", "start").iter_rows():
        # An output equal to the request may be a copy rather than an answer.
        if halves[index] and whole[index] != line:
            yield index, line, start, start + len(line), "no line of the request"


def _output_lines(columns: Columns, rows: pl.Series) -> pl.DataFrame:
    """The different lines of these outputs without blanks around them: index, line, start of the first of them."""
    table = pl.DataFrame({"index": rows, "line": columns.output.gather(rows).str.split("\n")}).explode("line")
    size = pl.col("line").str.len_chars().cast(pl.Int64) + 1
    begun = pl.col("line").str.strip_chars_start(" \t")
    margin = pl.col("line").str.len_chars().cast(pl.Int64) - begun.str.len_chars().cast(pl.Int64)
    table = table.select(
        "index", line=begun.str.strip_chars_end(" \t\r"), start=size.cum_sum().over("index") - size + margin
    )
    return table.unique(["index", "line"], keep="first", maintain_order=True)


def _repeats_half(lines: Sequence[str], output: str) -> bool:
    """Whether an output contains at least half of the lines of a request."""
    whole = {line.strip() for line in output.split("\n")}
    most = max(_FEWEST_LOOKED_FOR, _MOST_READ // max(1, len(output)))
    others = [*dict.fromkeys(line for line in lines if line and line not in whole)][:most]
    within = whole.union(line for line in others if line in output)
    return 2 * sum(line in within for line in lines if line) >= len(lines)


def _say_clean(check: Check) -> str:
    return "Give only the text: no introduction, no remarks, no code fences, no placeholders, no part of the request repeated."


def _propose_clean(columns: Columns) -> Sequence[Proposal]:
    """Any finished text follows it, whatever its style."""
    return (Proposal({}, style=False),)


# Remarks before and after the text itself. A remark before it ends with a colon or its line; one after it is a
# paragraph or the last sentence.
_OPENING_LINE = re.compile(
    rf"\s*(?:{_OPENER}[,!.:]*\s*)?(?:here(?:['’]s| is| are)\b[^\n:]{{0,160}}:"
    r"|(?:sure|certainly|of course|absolutely)[!:,.]*)[ \t]*(?:\n\s*|(?<=:) )",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"(?:(?<=\n)|(?<=[.!?] )|(?<=[.!?]))(?:i hope (?:this|that) helps|(?:please )?(?:let me know|feel free to)"
    r"|would you like me to)\b[^\n]{0,200}\s*\Z",
    re.IGNORECASE,
)
_SPECIAL = re.compile(
    r"<\|[a-z][a-z0-9_▁]*\|>|\[/?inst\]|<</?sys>>|<(?:start|end)_of_turn>|\A\s*assistant\s*:\s*", re.IGNORECASE
)
_GARBLED = re.compile(r"[\u0080-\u2122]{2,}")


def _fix_clean(check: Check, broken: Broken) -> Iterator[Edit]:
    """Fences, remarks around the text, special tokens and repeated lines of the request go; garbled letters are decoded."""
    text = broken.text
    kinds = {expected for *_, expected in broken.faults}
    if "no fences" in kinds:
        yield from _unfenced(text)
    if "no assistant phrases" in kinds:
        yield from _without_remarks(text)
    if "no mojibake" in kinds:
        yield from _decoded(text)
    for _, start, end, expected in broken.spans:
        if expected == "no line of the request":
            before = text.rfind("\n", 0, start) + 1
            after = text.find("\n", end)
            yield Edit(before, len(text) if after < 0 else after + 1, "")


def _unfenced(text: str) -> Iterator[Edit]:
    """The text without the fence around all of it, or around the only block after a remark."""
    if text.count("```") != 2:
        return
    opening, closing = text.find("```"), text.rfind("```")
    body = text.find("\n", opening) + 1
    begins = text.rfind("\n", 0, opening) + 1
    ends = text.rfind("\n", 0, closing)
    alone = not (text[begins:opening].strip() or text[ends:closing].strip() or text[closing + 3 :].strip())
    if (
        alone
        and 0 < body <= ends + 1
        and text[body:closing].strip()
        and re.fullmatch(r"```[\w+-]*\s*", text[opening:body])
    ):
        yield Edit(begins, len(text), text[body : max(ends, body)])


def _without_remarks(text: str) -> Iterator[Edit]:
    yield from (Edit(*match.span(), "") for match in _SPECIAL.finditer(text))
    opening = _OPENING_LINE.match(text)
    first = opening.end() if opening and opening.end() < len(text) else 0
    if first:
        yield Edit(0, first, "")
    closing = _CLOSING.search(text, max(first, len(text) - 400))
    if closing and text[first : closing.start()].strip():
        yield Edit(len(text[: closing.start()].rstrip()), len(text), "")


def _decoded(text: str) -> Iterator[Edit]:
    """The letters of UTF-8 that was read as Windows-1252, wherever they can be decoded without doubt."""
    for match in _GARBLED.finditer(text):
        for encoding in ("cp1252", "latin-1"):
            try:
                yield Edit(*match.span(), match.group().encode(encoding).decode("utf-8"))
                break
            except UnicodeError:
                continue


CLEAN = Kind(
    "clean", "form", CleanParameters, _find_clean, _say_clean, _propose_clean,
    Explanation('"{found}" is left over; expected {expected}'),
    Fix(
        _fix_clean,
        says="Safe: removes a fence around the text, remarks before and after it, special tokens and lines of the "
        "request, and decodes damaged letters. Refusals and placeholders are kept.",
        spans=PROTECTED,
    ),
)  # fmt: skip
