"""The output of `tuneworth style`: violations, marked in the text, and the evidence for an inferred style."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...core import as_json, decimals_beside, from_json, say

if TYPE_CHECKING:
    import polars as pl

    from ...project import CheckedStyle
    from ...style import Check, Evidence, InferredStyle, StyleResults

_EXAMPLES = 3
_EXCERPT = 160  # characters of an output around the marked place
_SENTENCE = 240


def check_data(checked: "CheckedStyle") -> list[dict[str, Any]]:
    """Each check of the style as plain data: counts, shares, reasons, three examples."""
    counts = checked.table.iter_rows(named=True)
    return [_rule(checked, check, n) for check, n in zip(checked.results.style.checks, counts, strict=True)]


def _rule(checked: "CheckedStyle", check: "Check", counts: Mapping[str, Any]) -> dict[str, Any]:
    from ...style import check_sentence

    fail, scored = counts["fail"], counts["pass"] + counts["fail"]
    unscored = checked.results.unscored
    reasons = unscored.filter(unscored["check"] == check.id)["why"].value_counts(sort=True)
    return {
        "id": check.id,
        "level": check.level,
        "sentence": check_sentence(check),
        "checked": scored,
        "fail": fail,
        "share": fail / scored if scored else None,
        "not_applicable": counts["not applicable"],
        "unscored": counts["unscored"],
        "unscored_why": dict(reasons.iter_rows()),
        "examples": _examples(checked.pairs, checked.results, check),
    }


def _examples(pairs: "pl.DataFrame", results: "StyleResults", check: "Check") -> list[dict[str, Any]]:
    from ...style import explain

    violations = results.violations.filter(results.violations["check"] == check.id)
    first = violations.unique("index", keep="first", maintain_order=True)
    distinct = first.unique("found", keep="first", maintain_order=True)  # varied examples show more
    shown = (distinct if len(distinct) >= _EXAMPLES else first).head(_EXAMPLES)
    return [
        {
            **dict(zip(("row", "id", "output"), pairs.select("row", "id", "output").row(index), strict=True)),
            "why": explain(check, found, expected),
            "found": found,
            "start": start,
            "end": end,
            "expected": expected,
        }
        for index, found, start, end, expected in shown.select("index", "found", "start", "end", "expected").iter_rows()
    ]


def check_lines(data: dict[str, Any]) -> str:
    """The table of violations, then each broken rule with its examples."""
    rules = data["checks"]
    width = max((len(rule["id"]) for rule in rules), default=4)
    optional = [(key, title) for key, title in _OPTIONAL if any(rule[key] for rule in rules)]
    lines = []
    if data["undecided"]:
        lines.append(f"{data['undecided']:,} more break none, but could not be scored by a must rule")
    lines += ["", f"{'rule':<{width}}  level   broken      of   share" + "".join(f"  {title}" for _, title in optional)]
    for rule in rules:
        share = "-" if rule["share"] is None else say.percent(rule["share"])
        more = "".join(f"  {rule[key]:>{len(title)},}" for key, title in optional)
        lines.append(
            f"{rule['id']:<{width}}  {rule['level']:<6} {rule['fail']:>7,}  {rule['checked']:>6,}  {share:>6}{more}"
        )
    lines += _accepts_lines(data["discrimination"])
    lines += _near_miss_lines(data["near_misses"])
    for rule in rules:
        lines += _rule_lines(rule)
    return "\n".join(lines)


def _accepts_lines(found: Mapping[str, Any] | None) -> list[str]:
    """What each must rule accepts (own outputs, those of other requests, the inputs alone), and what that means."""
    from ...style import Discrimination

    if found is None:
        return []
    rows = [*found["by_check"].items(), ("all must rules", found)]
    width = max(len(name) for name, _ in rows)
    lines = ["", f"{'accepts':<{width}}  own outputs  those of others  inputs alone  difference"]
    for name, shares in rows:
        others, own, _ = say.change(shares["shuffled"], shares["own"])
        alone, decimals = say.percent(shares["fields_only"]), decimals_beside(shares["shuffled"], shares["own"])
        difference = say.points(shares["own"] - shares["shuffled"], decimals)
        lines.append(f"{name:<{width}}  {own:>11}  {others:>15}  {alone:>12}  {difference:>10}")
    return [*lines, *textwrap.wrap(from_json(found, Discrimination).sentence, 80)]


def _near_miss_lines(found: Mapping[str, Any] | None) -> list[str]:
    """Near misses by kind with the share that the rules catch, examples that they accept, and what they often miss."""
    from ...style import NearMisses

    if found is None:
        return []
    width = max(map(len, found["by_kind"]))
    lines = ["", f"{'near misses':<{width}}    made  caught  with should rules"]
    for kind, one in found["by_kind"].items():
        caught, should = say.percent(one["caught"]), say.percent(one["with_should"])
        lines.append(f"{kind:<{width}}  {one['n']:>6,}  {caught:>6}  {should:>17}")
    lines.append(f"{'all':<{width}}  {found['n']:>6,}  {say.percent(found['caught']):>6}")
    lines += textwrap.wrap(from_json(found, NearMisses).unseen, 80)
    if found["survivors"]:
        lines += ["", "near misses that no must rule rejects, with fields in place of values:"]
    for one in found["survivors"]:
        lines += [f"  {one['kind']}", f"    {_one_line(one['text'])}"]
    return lines


_OPTIONAL = (("not_applicable", "not applicable"), ("unscored", "unscored"))


def _rule_lines(rule: dict[str, Any]) -> list[str]:
    lines = [f"  not scored in {n:,}: {_sentence(why)}" for why, n in rule["unscored_why"].items()]
    for example in rule["examples"]:
        lines += [
            f"  row {example['row']} ({_one_line(example['id'])})",
            f"    {_marked(example['output'], example['start'], example['end'])}",
            f"    {_sentence(example['why'])}",
        ]
    return ["", f"{rule['id']} ({rule['level']}): {_sentence(rule['sentence'])}", *lines] if lines else []


def _marked(text: str, start: int | None, end: int | None) -> str:
    """The text around a span, which is marked with » and «; the beginning of the text if there is no span."""
    if start is None or end is None:
        return _one_line(text[:_EXCERPT] + ("…" if len(text) > _EXCERPT else ""))
    shown = min(end, start + _EXCERPT)
    before = max(0, min(start - (_EXCERPT - (shown - start)) // 2, len(text) - _EXCERPT))
    after = min(len(text), max(before + _EXCERPT, shown))
    marked = f"{text[before:start]}»{text[start:shown]}{'…' if shown < end else ''}«{text[shown:after]}"
    return _one_line(("…" if before else "") + marked + ("…" if after < len(text) else ""))


def _sentence(text: str) -> str:
    return _one_line(text if len(text) <= _SENTENCE else f"{text[:_SENTENCE]}…")


def _one_line(text: str) -> str:
    return text.replace("\r\n", "⏎").replace("\n", "⏎").replace("\t", " ")


def infer_data(inferred: "InferredStyle") -> dict[str, Any]:
    """An inferred style as plain data."""
    return {
        "found_style": inferred.found_style,
        "message": inferred.message,
        "rows": inferred.rows,
        "different": inferred.different,
        "counted": inferred.counted,
        "task": as_json(inferred.task),
        "checks": _evidence(inferred.evidence),
        "suggestions": _evidence(inferred.suggestions),
        "discrimination": as_json(inferred.discrimination),
        "near_misses": as_json(inferred.near_misses),
        "style": inferred.text or None,
    }


def _evidence(evidence: "Sequence[Evidence]") -> list[dict[str, Any]]:
    from ...style import check_sentence

    return [
        {
            "id": rule.check.id,
            "kind": rule.check.kind,
            "level": rule.level,
            "sentence": check_sentence(rule.check),
            "holds": rule.holds,
            "applicable": rule.applicable,
            "share": rule.share,
            "low": rule.low,
            "note": rule.note,
            "variants": dict(rule.variants),
            "exceptions": [
                {"id": e.id, "row": e.row, "found": e.found, "expected": e.expected} for e in rule.exceptions
            ],
        }
        for rule in evidence
    ]


def no_style_lines(inferred: "InferredStyle") -> str:
    """Why there is no style, as comments, so that redirected output is not mistaken for a style file."""
    from ...style import check_sentence

    lines = [inferred.message]
    if inferred.suggestions:
        lines.append("These came closest, but none of them is a rule:")
    for rule in inferred.suggestions:
        lines.append(f"  {rule.holds:,} of {rule.applicable:,}: {_sentence(check_sentence(rule.check))}")
    return "\n".join(f"# {line}" for line in lines)
