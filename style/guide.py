"""The style guide that a schema writes: the prompted baseline's system prompt."""

from typing import Any

from .kinds import KINDS
from .schema import Check, StyleSchema

__all__ = ["check_sentence", "check_table", "write_guide"]

_HEADINGS = {"form": "Form", "wording": "Wording", "facts": "Facts"}


def check_sentence(check: Check) -> str:
    """The rule as a sentence of a style guide: the user's own (`say`) or the kind's, with its condition."""
    if check.say:
        return check.say
    sentence = KINDS[check.kind].say(check)
    if not check.when:
        return sentence
    conditions = [
        f"there is a {name}" if values is None else f"the {name} is {' or '.join(values)}"
        for name, values in check.when.items()
    ]
    return f"Where {' and '.join(conditions)}: {sentence[0].lower()}{sentence[1:]}"


def write_guide(style: StyleSchema) -> str:
    """The style guide in Markdown, its rules grouped by what they are about; preferences are marked as such."""
    parts = [f"# {style.name}"]
    if style.about:
        parts.append(style.about)
    for about, heading in _HEADINGS.items():
        checks = [check for check in style.checks if check.about == about]
        # Rules come before preferences, else in the order of the file.
        checks.sort(key=lambda check: check.level != "must")
        lines = [f"- {'' if check.level == 'must' else 'Preferably: '}{check_sentence(check)}" for check in checks]
        if lines:
            parts.append(f"## {heading}\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def check_table(style: StyleSchema) -> list[dict[str, Any]]:
    """Each check as plain data: id, kind, level, about, sentence."""
    return [
        {"id": c.id, "kind": c.kind, "level": c.level, "about": c.about, "sentence": check_sentence(c)}
        for c in style.checks
    ]
