"""Variants in words, and words in sentences."""

from collections.abc import Sequence

from ..results import NO_MODEL, Results

NAMES = {
    "tuned": "the tuned model",
    "prompted": "the prompted model",
    "plain": "the plain model without a guide",
    "template": "a template without any model",
    "majority": "the most frequent label",
    "classifier": "a plain classifier",
    "nearest": "the prompted model with the nearest examples",
    "searched": "the prompted model with the searched prompt",
}
AFTER_REPAIR = "after repair"
ADDED = {
    "repair": AFTER_REPAIR,
    "retry": "with retries",
    "short guide": "with a short guide",
    "constrained": "with constrained decoding",
}


def variant_name(name: str) -> str:
    """A variant in words, also one that Tuneworth derives from others; any other by its name in quotes."""
    if name in NAMES:
        return NAMES[name]
    first, plus, way = name.rpartition(" + ")
    if plus and way in ADDED:
        base, added = variant_name(first), ADDED[way]
        return f"{base} {added.replace('with ', 'and ', 1) if ' with ' in base else added}"
    first, fallback, second = name.partition(", else ")
    if fallback:
        return f"{variant_name(first)} with {variant_name(second)} as the fallback"
    return f'"{name}"'


def use(name: str) -> str:
    """What to do with a variant that wins: keep the usual prompt, or use another way."""
    return f"{'keep' if name == 'prompted' else 'use'} {variant_name(name)}"


def compared(results: Results) -> tuple[str, str]:
    """The names of baseline and candidate."""
    return results.compared.baseline, results.compared.candidate


def repaired(results: Results, name: str) -> bool:
    """Whether a variant's outputs were repaired before they were scored."""
    return name in results.variants and results.variants[name].repair != "off"


def by_tuneworth(results: Results, name: str) -> bool:
    """Whether Tuneworth wrote the guide of a variant."""
    return name in results.variants and results.variants[name].guide == "written by Tuneworth"


def scored_name(results: Results, name: str) -> str:
    """`variant_name`, with a note if the settings have its outputs repaired."""
    words = variant_name(name)
    noted = name in NO_MODEL or words.endswith(AFTER_REPAIR) or "else " in name
    return words if noted or not repaired(results, name) else f"{words} {AFTER_REPAIR}"


def listed(keys: Sequence[str], *, most: int = 4) -> str:
    """Names as a list in words: a, b and c; of more than `most`, only the first three."""
    if len(keys) > most:
        keys = [*keys[:3], f"{len(keys) - 3} more"]
    return keys[0] if len(keys) == 1 else f"{', '.join(keys[:-1])} and {keys[-1]}"


def sentence(text: str) -> str:
    """The text with a capital letter at the start and one full stop at the end."""
    return f"{capital(text.rstrip('.'))}."


def capital(text: str) -> str:
    """The text with a capital letter at the start."""
    return text[:1].upper() + text[1:]
