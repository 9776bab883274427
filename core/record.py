"""Records: what crosses a folder or a file, typed; their JSON has the names of the fields as keys."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, dataclass_transform

import msgspec
from msgspec import Meta, inspect

Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
NonNegative = Annotated[float, Meta(ge=0)]
Proportion = Annotated[float, Meta(ge=0, le=1)]
Signed = Annotated[float, Meta(ge=-1, le=1)]


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class _RecordType(msgspec.StructMeta):
    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any], **config: Any) -> Any:
        return super().__new__(cls, name, bases, body, frozen=True, kw_only=True, omit_defaults=True, **config)


class Record(msgspec.Struct, metaclass=_RecordType):
    """Named values that do not change. A docstring below a field describes it, also in the schema of its JSON.

    What is None by default is not in the JSON; None without a default is null there.
    """


Made = TypeVar("Made")


def from_json(value: Any, kind: type[Made]) -> Made:
    """The record of a value that JSON can hold; keys that it does not know are ignored.

    Raises: ValueError with the place and what is wrong there: '"n" is not as expected: int >= 0'.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ValueError(_words(str(error))) from None


def _words(message: str) -> str:
    """What msgspec says, as other messages say it."""
    what, _, path = message.replace("`", "").partition(" - at $")
    place = path.replace("[...]", ".*").replace("[", ".").replace("]", "").lstrip(".")
    name = f'"{place}"' if place else "it"
    lacking = what.removeprefix("Object missing required field ")
    if lacking != what:
        return f'{name} lacks the key "{lacking}"'
    return f"{name} is not as expected: {what[:1].lower()}{what[1:]}"


def as_json(record: Any) -> Any:
    """The record, or whatever holds records, as values that JSON can hold."""
    return msgspec.to_builtins(record, enc_hook=float)


def completed(value: Mapping[str, Any], kind: type[Record]) -> dict[str, Any]:
    """The JSON of a record that another version wrote, with what it lacks where that can only mean "none": null, or nothing
    in a list or a map. A key that is null where a value must be counts as lacking."""
    return _completed(value, _type_of(kind))


@cache
def _type_of(kind: type[Record]) -> inspect.Type:
    return inspect.type_info(kind)


def _completed(value: Any, kind: inspect.Type) -> Any:
    if isinstance(kind, inspect.UnionType):
        fitting = [one for one in kind.types if _holds(one, value)]
        return _completed(value, fitting[0]) if fitting else value
    if isinstance(kind, inspect.StructType) and isinstance(value, Mapping):
        return _completed_record(value, kind)
    if isinstance(kind, inspect.DictType) and isinstance(value, Mapping):
        return {key: _completed(one, kind.value_type) for key, one in value.items()}
    if isinstance(kind, inspect.CollectionType) and isinstance(value, list):
        return [_completed(one, kind.item_type) for one in value]
    return value


def _completed_record(value: Mapping[str, Any], kind: inspect.StructType) -> dict[str, Any]:
    found = dict(value)
    for field in kind.fields:
        nullable = isinstance(field.type, inspect.UnionType | inspect.NoneType | inspect.AnyType)
        if found.get(field.encode_name) is not None:
            found[field.encode_name] = _completed(found[field.encode_name], field.type)
        elif nullable:
            found[field.encode_name] = None
        elif isinstance(field.type, inspect.CollectionType):
            found[field.encode_name] = []
        elif isinstance(field.type, inspect.DictType):
            found[field.encode_name] = {}
    return found


def _holds(kind: inspect.Type, value: Any) -> bool:
    fits = {
        inspect.StructType: Mapping, inspect.DictType: Mapping, inspect.CollectionType: list, inspect.StrType: str,
    }  # fmt: skip
    return any(isinstance(kind, one) and isinstance(value, held) for one, held in fits.items())
