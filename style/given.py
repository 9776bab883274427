"""The input fields that a table of examples has."""

from .columns import Columns

__all__ = ["given_fields", "text_fields"]


def given_fields(columns: Columns) -> list[str]:
    """The names of all fields, in the order in which they first come."""
    return list(dict.fromkeys(name for row in columns.fields for name in row))


def text_fields(columns: Columns) -> list[str]:
    """The names of the fields that hold a text or a number in each row that has them, no list and no object."""
    lists = {name for row in columns.fields for name, value in row.items() if isinstance(value, list | dict)}
    return [name for name in given_fields(columns) if name not in lists]
