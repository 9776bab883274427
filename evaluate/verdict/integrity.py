"""What outputs are in place of answers to their own requests, in words, and the remedy where that makes a comparison invalid."""

from ...core import say
from ..results import IntegrityFinding, Results
from .evidence import Fault
from .names import listed, variant_name

MOST_NAMED = 3


def finding_words(found: IntegrityFinding, whose: str = "") -> str:
    """A finding as a clause; `whose` follows "outputs", such as " of the tuned model"."""
    one, of = found.n == 1, say.count(found.of)
    counted = f"{say.count(found.n)} of {of} outputs{whose}"
    named = f" (such as {', '.join(found.ids[:MOST_NAMED])})" if found.n > MOST_NAMED else f" ({listed(found.ids)})"
    match found.what:
        case "shifted":
            rows = abs(found.shift or 0)
            place = f"{say.count(rows)} rows {'further on' if (found.shift or 0) > 0 else 'before'}"
            if rows == 1:
                place = "the next row" if found.shift == 1 else "the row before"
            seem = f"the outputs{whose} seem shifted by {say.count(rows, 'row')}: {say.count(found.n)} of {of} fit"
            return f"{seem} the request and the reference of {place} better than their own{named}"
        case "other requests":
            return (
                f"{counted} answer{'s' * one} another request, which {'it fits' if one else 'they fit'} better{named}"
            )
        case "cut":
            end = f"at {say.count(found.length)} {found.unit}" if found.length else "at about one length"
            return f"{counted} end{'s' * one} in mid-sentence or mid-word {end}, where references do not{named}"
        case "recited":
            return f"{counted} {'is a training output' if one else 'are training outputs'} word for word{named}"
        case "leaked":
            left = "is" if one else "are"
            return (
                f"{say.count(found.n)} of {of} test requests {left} not scored, as rows stated for train repeat "
                f"{'it' if one else 'them'} and {variant_name(found.variant)} may have been trained on these{named}"
            )


def integrity_faults(results: Results, names: list[str]) -> list[Fault]:
    """The findings about these variants that make the comparison invalid."""
    found = [one for one in results.integrity if one.effect == "invalid" and one.variant in names]
    return [
        Fault("data" if one.what == "leaked" else "comparison", _text(one), _remedy(results, one))
        for one in sorted(found, key=lambda one: -one.n / one.of)
    ]


def integrity_lines(results: Results, names: list[str]) -> list[str]:
    """The findings about these variants that leave the comparison valid, as clauses."""
    return [_text(one) for one in results.integrity if one.effect != "invalid" and one.variant in names]


def _text(found: IntegrityFinding) -> str:
    return finding_words(found, f" of {variant_name(found.variant)}")


def _remedy(results: Results, found: IntegrityFinding) -> str:
    name = variant_name(found.variant)
    variant = results.variants.get(found.variant)
    collected = variant is not None and variant.source == "outputs"
    if found.what == "leaked":
        return "test on requests that are not in the training data, at least 20 of them, then run again"
    if found.what == "cut":
        again = "collect these outputs again with a higher token limit, and" if collected else "raise `max_new_tokens`,"
        return f"{again} note `finish_reason` with each output, then run again"
    if collected:
        return f"check that each output{f' of {name}'} has the id of its own request, then run again"
    return f"check the server of {name}, and any proxy or cache in front of it, for answers to other requests; then run again"
