"""Every scan of a text by its name: check kinds and their repair, finders, comparison, and what reports do with a text."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from tuneworth.cli.words.fix import diff_lines
from tuneworth.core import Key, TuneworthError, marked_line, quote, split_command
from tuneworth.core import printable as terminal_text
from tuneworth.core.config_text import find_excess
from tuneworth.core.console import _json
from tuneworth.curate.check.facts import text_facts
from tuneworth.curate.check.masking import _mask_excerpt, _masked_again, places_in_value
from tuneworth.curate.check.personal import find_personal, mask_text, places_in
from tuneworth.curate.check.quality import find_faults
from tuneworth.curate.decisions.why import _named
from tuneworth.curate.match.ngrams import gram_sets
from tuneworth.curate.match.subjects import _Words
from tuneworth.curate.read.dates import pair_dates
from tuneworth.curate.read.formats.csv import find_dialect
from tuneworth.curate.read.formats.document import JsonFault, JsonText
from tuneworth.curate.read.normal_forms import clean_text, comparable, content_hash, normalise, visible
from tuneworth.deploy.check.observations import words
from tuneworth.deploy.export.chat_format import go_literal
from tuneworth.deploy.export.readme import code, fenced
from tuneworth.deploy.export.servers import _checked
from tuneworth.deploy.watch.drift import features_of
from tuneworth.evaluate.endpoints.responses import read_answer, read_error_body
from tuneworth.evaluate.outputs.prompts import without_thoughts
from tuneworth.evaluate.risks.forgetting import CHECK_KINDS, meets
from tuneworth.evaluate.risks.memorisation import copies_of
from tuneworth.evaluate.scores.causes import _loops
from tuneworth.evaluate.scores.references import similarities, two_sample
from tuneworth.reports.junit import _clean
from tuneworth.reports.markdown import _code, _literal
from tuneworth.reports.page import compact_html
from tuneworth.reports.sections.curation.certificate import differing
from tuneworth.reports.sections.examples.marks import mark_text
from tuneworth.reports.words import printable, quoted, short, typeset_parts, without_folders
from tuneworth.review.queue.marks import mark_differences
from tuneworth.review.queue.sides import title_of
from tuneworth.review.style.desk import _diff
from tuneworth.style import (
    check_outputs,
    explain,
    infer_style,
    pair_columns,
    parse_style,
    read_fields,
    refused,
    repair,
    stated_numbers,
)
from tuneworth.style.facts.names import names_in, words_of
from tuneworth.style.facts.number_words import words_in
from tuneworth.style.facts.numbers import facts_in
from tuneworth.style.kinds.contradicts import is_of_another_field
from tuneworth.style.kinds.json_text import as_json
from tuneworth.style.kinds.same_result import is_ordered
from tuneworth.style.parts import facts_of, lines_of, parts_of
from tuneworth.style.spelling import spelling_variants
from tuneworth.style.yaml_text import read_yaml
from tuneworth.train.model.provenance import _line, _plain

__all__ = ["SCANS", "Scan"]

Scan = Callable[[str], Any]

# One or more entries of each kind, as in a style file; the kind `python` runs the user's code.
CHECKS = {
    "length": ["unit: words, max: 4", "unit: sentences, max: 1", "unit: paragraphs, max: 1"],
    "pattern": ["regex: ', '", "regex: '[0-9]', min: 0, max: 1", "regex: '[0-9]', from_request: true"],
    "sections": ["titles: [Part, Size], extra: false"],
    "list": ["max: 2, item_max_words: 4", "marker: '1. ', min: 0"],
    "template": ["text: 'Part: {x}, {y}'"],
    "json": ["schema: {type: object, required: [a]}"],
    "html": ["tags: [p, b], required: [p]", "structure: ['p+']"],
    "key_values": ["keys: [Part, Size], extra: false"],
    "order": ["parts: {volt: '[0-9]+ ?V', amp: '[0-9]+ ?A', case: 'SOT'}"],
    "allowed": ["values: [red, blue]", "field: package, separator: ', '"],
    "numbers": ["space: none, decimal: '.'", "space: one, units: [V, A], decimal: ','"],
    "case": ["is: sentence", "is: title", "is: upper", "is: lower"],
    "forbidden": ["any: ['{part}', '®', '  ']", "any: ['{part}'], ignore_case: true"],
    "starts_with": ["any: ['{part}']"],
    "ends_with": ["any: ['{package}'], when: package"],
    "vocabulary": ["preferred: {low dropout: [LDO, Low-Dropout]}, forbidden: [cheap]"],
    "known_words": ["words: [box, red, big]"],
    "known_segments": ["segments: ['{package}', box]", "segments: [box], of: request"],
    "field_context": ["never: {'box _': [package], '_ , {size}': [x]}, negations: en, explained_by: [red]",
                      "never: {box: ['part: box']}, of: request"],
    "punctuation": ["end: none, exclamation_marks: 0", "end: '.', quotes: curly, dashes: en"],
    "clean": [""],
    "grounded": ["facts: [numbers, codes]", "facts: [names]", "facts: [literals, operands]"],
    "covers": ["fields: [package, size]", "fields: [package], take: first word"],
    "contradicts": ["field: package, values: [SOT-23, SOT-89]"],
    "sums": ["total: 100"],
    "language": ["is: de, min_characters: 5"],
    "readability": ["grade_max: 1"],
    "no_repeats": ["words: 3, of_input: true"],
}  # fmt: skip
REFERENCE_CHECKS = (
    "kind: equals, ignore: [case, space, punctuation, accents, articles, line_order], tolerance: 0",
    "kind: label, labels: [box, red], text_around: allowed",
    "kind: final_answer, take: last_number",
    "kind: final_answer, take: boxed",
    "kind: final_answer, take: letter",
    "kind: final_answer, take: after_marker, marker: 'Part:'",
    "kind: same_fields, ignore: [case]",
    "kind: same_result",
)
FIELDS = {"part": "box", "package": "SOT-23", "size": "5 V", "x": "a", "y": "b"}
UNITS = ("sentence", "line", "bullet", "paragraph", "item")
_EXAMPLES = 30
_DATES = ("2024-05", "31.12.2024", "12/31/2024", "Mon, 1 Jan 2024 10:00:00 +0000", "1700000000")
_ASKED = {"value": 7, "any": ["a"], "not_before": ["b"], "count": 3, "regex": "a+", "each": "a+"}


class _Thinking:
    """As much of a tokenizer as shows that its model writes its thoughts."""

    chat_template = "<think>"

    @staticmethod
    def encode(text: str, **how: Any) -> list[int]:
        return [1] * len(text.split())


def _read_json(text: str) -> None:
    """Read a list with long values, and a text that is hardly JSON."""
    for whole in (json.dumps([text, [text], {"a": text}]), f'["", {text}', f'["{text}'):
        reader = JsonText(whole, 100)
        with suppress(JsonFault):
            list(reader.elements())
            reader.end()


def _pairs(output: str, request: str, fields: Mapping[str, str] | None) -> pl.DataFrame:
    given = None if fields is None else json.dumps(fields, ensure_ascii=False)
    schema = dict.fromkeys(("output", "input", "fields"), pl.String)
    return pl.DataFrame({"output": [output], "input": [request], "fields": [given]}, schema=schema)


def _with_reference(output: str) -> pl.DataFrame:
    return _pairs(output, "box", FIELDS).with_columns(references=pl.Series([[output[1:]]]))


def _of_checks() -> dict[str, Scan]:
    found: dict[str, Scan] = {}
    for kind, entries in CHECKS.items():
        for entry in entries:
            style = parse_style(f"checks: [{{kind: {kind}{', ' if entry else ''}{entry}}}]")
            name = f"{kind} {entry}".strip()
            found[f"check {name}"] = lambda text, s=style: check_outputs(_pairs(text, "box", FIELDS), s)
            found[f"check {name}, request"] = lambda text, s=style: check_outputs(_pairs(text, text[1:], None), s)
            found[f"check {name}, fields"] = lambda text, s=style: check_outputs(
                _pairs(text, "box", dict.fromkeys(FIELDS, text[1:])), s
            )
            found[f"repair {name}"] = lambda text, s=style: repair(s, [text], [FIELDS], unsafe=True)
    for entry in REFERENCE_CHECKS:
        style = parse_style(f"checks: [{{{entry}}}]")
        found[f"check {entry}, reference"] = lambda text, s=style: check_outputs(_with_reference(text), s)
    found["order of a query"] = is_ordered
    for unit in UNITS:
        style = parse_style(f"checks: [{{kind: punctuation, each: {unit}, end: '.'}}]")
        found[f"check each {unit}"] = lambda text, s=style: check_outputs(_pairs(text, "box", None), s)
    return found


def _inferred(outputs: list[str]) -> Any:
    numbers = range(len(outputs))
    fields = [json.dumps({"part": f"p{n}", "size": text}, ensure_ascii=False) for n, text in enumerate(outputs)]
    return infer_style(pl.DataFrame({"output": outputs, "input": [f"{n}" for n in numbers], "fields": fields}))


def _spread(text: str) -> Any:
    size = len(text) // _EXAMPLES
    return _inferred([f"{n} {text[n * size : (n + 1) * size]}" for n in range(_EXAMPLES)])


def _marked(text: str) -> Any:
    found = [{"check": "a", "start": at, "end": at + 2} for at in range(0, len(text), 10)]
    return mark_text(text, found)


def _or_refused(scan: Scan) -> Scan:
    """The scan, where a refusal is a result as well."""

    def run(text: str) -> Any:
        with suppress(TuneworthError, ValueError):
            return scan(text)

    return run


def _explained(text: str) -> list[str]:
    """What each kind says of the first violations that it finds in a text."""
    said = []
    for kind, entries in CHECKS.items():
        style = parse_style(f"checks: [{{kind: {kind}{', ' if entries[0] else ''}{entries[0]}}}]")
        found = check_outputs(_pairs(text, "box", FIELDS), style).violations.head(3)
        said += [explain(style.checks[0], row["found"], row["expected"]) for row in found.iter_rows(named=True)]
    return said


def _answered(text: str) -> list[bool]:
    checks = [{"kind": kind, **_ASKED, **({"value": {}} if kind == "json" else {})} for kind in CHECK_KINDS]
    return [meets(check, answer, prompt=text) for check in checks for answer in (text, f"<think>{text}</think>{text}")]


SCANS: dict[str, Scan] = {
    **_of_checks(),
    "infer, all examples": _spread,
    "infer, one example": lambda text: _inferred([text, *(f"{n} {text[:20]}" for n in range(_EXAMPLES))]),
    "comparable": comparable,
    "visible": visible,
    "read_fields": read_fields,
    "normalise": normalise,
    "clean_text": clean_text,
    "content_hash": content_hash,
    "text_facts": text_facts,
    "places_in": places_in,
    "places_in_value": lambda text: places_in_value(text, ("a", "phone")),
    "mask_text": mask_text,
    "mask_excerpt": _mask_excerpt,
    "masked again": lambda text: _masked_again(
        pl.Series([text]), [{"phone": {"265745239": "[PHONE]", text[:30]: "[PHONE 2]"}}]
    ),
    "find_personal": lambda text: find_personal(pl.Series([text])),
    "find_faults": lambda text: find_faults(pair_columns(_pairs(text, text[1:], None)), None),
    "gram_sets": lambda text: gram_sets([text]),
    "words": lambda text: _Words.of([text]),
    "similarities": lambda text: similarities([text], [text[1:]]),
    "refused": lambda text: refused(pl.Series([text])),
    "loops": _loops,
    "facts_in": facts_in,
    "names_in": lambda text: list(names_in(text)),
    "words_of": words_of,
    "words_in": words_in,
    "stated_numbers": lambda text: list(stated_numbers(text)),
    "is_of_another_field": lambda text: is_of_another_field(
        text, len(text) // 2, len(text) // 2 + 3, field="size", others=["part"]
    ),
    "parts_of": parts_of,
    "facts_of": facts_of,
    "lines_of": lambda text: list(lines_of(text)),
    "as_json": lambda text: as_json('{"a":' + text),
    "mark_text": _marked,
    "differing": lambda text: differing(text, text[1:] + "b"),
    "typeset_parts": typeset_parts,
    "without_folders": without_folders,
    "quoted": quoted,
    "short": short,
    "printable": printable,
    "markdown": _literal,
    "markdown code": _code,
    "dates": _or_refused(lambda text: pair_dates([text, text[1:], *_DATES], "date")),
    "csv dialect": _or_refused(lambda text: find_dialect(text, Path("a.csv"), delimiter=None, wanted=())),
    "thoughts": lambda text: without_thoughts(f"<think>{text}", 1, tokenizer=_Thinking, margins=("", "")),
    "answers": _answered,
    "copies": lambda text: copies_of([text, text[1:]], [text[2:], "a b c"]),
    "two_sample": lambda text: two_sample(pl.Series([text, "a"] * 20), pl.Series([text[1:], "b"] * 20)),
    "traits": lambda text: features_of(_pairs(text, text, FIELDS)),
    "agreement": words,
    "spelling": lambda text: spelling_variants(pl.Series([text, f"e-mail email {text}"]), fewest_rows=1),
    "explain": _explained,
    "differences": lambda text: mark_differences(text, f"a {text[: len(text) // 2]} b {text[len(text) // 2 :]}"),
    "repaired lines": lambda text: list(diff_lines(text, f"a\n{text[1:]}b")),
    "edited lines": lambda text: _diff(text, f"a\n{text[1:]}b", "style.yaml"),
    "fenced": lambda text: (fenced(text, ""), code(text)),
    "model card": lambda text: _plain(_line(text)),
    "junit": _clean,
    "terminal": terminal_text,
    "terminal JSON": _json,
    "shell": lambda text: (quote(text), _or_refused(split_command)(text)),
    "key": lambda text: Key(text[: len(text) // 2]).mask(text),
    "page": compact_html,
    "line": lambda text: marked_line(text, 1, 1),
    "yaml": _or_refused(lambda text: read_yaml(text, where="a.yaml")),
    "toml": find_excess,
    "ollama literal": go_literal,
    "modelfile": _or_refused(_checked),
    "json": _read_json,
    "log": lambda text: read_fields(text, known={"a", "A"}),
    "names of rows": lambda text: (title_of(text, text), _named(text)),
    "answer": lambda text: read_answer(text.encode()),
    "error of an endpoint": lambda text: read_error_body(text.encode(), 400),
}
