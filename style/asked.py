"""The input fields that a style asks for, and those that no row has."""

from collections.abc import Iterable, Iterator

from .columns import Columns, field_names
from .given import given_fields
from .schema import Check, StyleSchema
from .settings import nearest

__all__ = ["asked_fields", "missing_fields", "not_given"]


def asked_fields(check: Check) -> list[str]:
    """The fields that a check names: in `when`, in `fields`, as `{field}` in its texts."""
    texts = getattr(check.parameters, "any", ())
    named = [*(check.when or {}), *getattr(check.parameters, "fields", ()), *(n for t in texts for n in field_names(t))]
    return list(dict.fromkeys(named))


def missing_fields(style: StyleSchema, columns: Columns) -> Iterator[str]:
    """A sentence for each field that a check asks for and no row has: a slip of the pen would pass all rows in silence."""
    asked = [(check.id, name) for check in style.checks for name in asked_fields(check)]
    return not_given(asked, given_fields(columns)) if len(columns.output) else iter(())


def not_given(asked: Iterable[tuple[str, str]], given: list[str]) -> Iterator[str]:
    """A sentence for each of the fields asked for (id of the check, name) that is none of those `given`."""
    for check, name in asked:
        if name not in given:
            hint = nearest(name, given) if given else "the inputs are plain texts without fields"
            yield f'rule "{check}" asks for the field "{name}", which no row has; {hint}'
