"""How often a JSON Schema may look at one value, bounded from above before anything is validated."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

__all__ = ["SchemaWork"]

# Keywords with schemas for the same value, and for values inside of it (JSON Schema 2020-12 core, section 10; earlier
# drafts have `dependencies` and `additionalItems`).
_SAME = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies")
_ALL_INSIDE = (
    "patternProperties", "additionalProperties", "unevaluatedProperties", "propertyNames", "items", "additionalItems",
    "unevaluatedItems", "contains",
)  # fmt: skip
_ONE_INSIDE = ("properties", "prefixItems")  # of each, only one schema is for any one value
_BY_NAME = ("dependentSchemas", "dependencies", "patternProperties", "properties")
_BASE = "https://schema.invalid/"  # where a schema without an address stands; `urljoin` resolves no scheme that it does not know
_META_SCHEMA = 100.0  # looks of a schema that is not in the file: only those of JSON Schema itself are known without it
_ENDLESS = 1e18
# Compiling takes time with the square of the references; the largest public schemas of one format have a third of this.
MAX_SCHEMAS = 50_000


class SchemaWork:
    """The looks of a schema at the values inside of one value, by the depth of these.

    Alternatives multiply: a list that may fit in two ways, whose items are such lists, is looked at in four, eight, … ways.

    A schema that refers to itself for the same value, which JSON Schema leaves undefined, counts as endless.

    Raises: ValueError if there are more than MAX_SCHEMAS in it.
    """

    def __init__(self, schema: Any) -> None:
        self._schemas: list[Any] = []
        self._bases: list[str] = []
        self._numbers: dict[int, int] = {}  # position of a schema by its identity
        self._named: dict[str, Any] = {_BASE: schema}  # by address, with `#` and the name for an anchor
        self._moving: dict[Any, list[tuple[Any, str]]] = {}  # with their bases, by the name of a dynamic anchor
        self._name(schema)
        root = self._number(schema, _BASE)
        self._same: list[list[int]] = []
        self._all: list[list[int]] = []
        self._one: list[list[list[int]]] = []
        while len(self._same) < len(self._schemas):  # a reference may lead to a place where no schema was expected
            self._add_edges(self._schemas[len(self._same)], self._bases[len(self._same)])
            if len(self._schemas) > MAX_SCHEMAS:
                raise ValueError(f"it holds more than {MAX_SCHEMAS:,} schemas")
        self._endless: set[int] = set()
        self._order = self._in_order()
        self._root = root
        self._levels: list[list[float]] = []

    def looks(self, depth: int) -> float:
        """At most so many looks at the values on the way to one at this depth, itself included."""
        levels = self._levels
        while len(levels) <= depth and not (len(levels) > 1 and levels[-1] == levels[-2]):  # no schema is in itself
            levels.append(self._level(levels[-1] if levels else None))
        return levels[min(depth, len(levels) - 1)][self._root]

    def _level(self, below: list[float] | None) -> list[float]:
        looks = [_META_SCHEMA if schema is None else 1.0 for schema in self._schemas]
        for number in self._endless:
            looks[number] = _ENDLESS
        for number in self._order:
            inside = 0.0
            if below is not None:
                inside = sum(below[one] for one in self._all[number])
                inside += sum(max((below[one] for one in some), default=0.0) for some in self._one[number])
            looks[number] = min(looks[number] + inside + sum(looks[one] for one in self._same[number]), _ENDLESS)
        return looks

    def _name(self, schema: Any) -> None:
        """Note the addresses and anchors in a schema."""
        waiting = [(schema, _BASE)]
        while waiting:
            value, base = waiting.pop()
            if isinstance(value, dict):
                if isinstance(value.get("$id"), str):
                    base = urljoin(base, value["$id"])
                    self._named.setdefault(urldefrag(base).url, value)
                for key in ("$anchor", "$dynamicAnchor"):
                    if isinstance(value.get(key), str):
                        self._named.setdefault(f"{urldefrag(base).url}#{value[key]}", value)
                for key in ("$dynamicAnchor", "$recursiveAnchor"):
                    if isinstance(value.get(key), str | bool):
                        self._moving.setdefault(value[key], []).append((value, base))
                waiting += ((one, base) for one in value.values())
            elif isinstance(value, list):
                waiting += ((one, base) for one in value)

    def _number(self, schema: Any, base: str) -> int:
        if isinstance(schema, dict) and isinstance(schema.get("$id"), str):
            base = urljoin(base, schema["$id"])
        if id(schema) not in self._numbers or not isinstance(schema, dict):
            self._numbers[id(schema)] = len(self._schemas)
            self._schemas.append(schema)
            self._bases.append(base)
        return self._numbers[id(schema)]

    def _add_edges(self, schema: Any, base: str) -> None:
        same, inside, one = list[int](), list[int](), list[list[int]]()
        if isinstance(schema, dict):
            same = [self._number(*found) for found in self._references(schema, base)]
            same += (self._number(one, base) for key in _SAME for one in _schemas(schema, key))
            inside += (self._number(one, base) for key in _ALL_INSIDE for one in _schemas(schema, key))
            one = [[self._number(one, base) for one in _schemas(schema, key)] for key in _ONE_INSIDE]
        self._same.append(same)
        self._all.append(inside)
        self._one.append(one)

    def _references(self, schema: Mapping[str, Any], base: str) -> Iterator[tuple[Any, str]]:
        """The schemas that one refers to, with their bases: of a dynamic reference, all that it may mean."""
        for key in ("$ref", "$dynamicRef", "$recursiveRef"):
            if isinstance(reference := schema.get(key), str):
                name = True if key == "$recursiveRef" else reference.rpartition("#")[2]
                yield from self._moving.get(name, ()) if key != "$ref" else ()
                if key == "$ref" or name not in self._moving:
                    yield self._referred(reference, base)

    def _referred(self, reference: str, base: str) -> tuple[Any, str]:
        """The schema that a reference names, and its base; None for one that is not in the file."""
        address, fragment = urldefrag(urljoin(base, reference))
        if not fragment.startswith("/"):
            found = self._named.get(f"{address}#{fragment}" if fragment else address)
            return found, address
        found = self._named.get(address)
        for step in unquote(fragment)[1:].split("/"):
            step = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and step.isdecimal() and int(step) < len(found):
                found = found[int(step)]
            else:
                found = found.get(step) if isinstance(found, Mapping) else None
        return found, address

    def _in_order(self) -> list[int]:
        """The schemas, each after those that it applies to the same value."""
        order, state = list[int](), dict[int, bool]()  # False: begun, True: done
        for start in range(len(self._schemas)):
            path = [] if start in state else [(start, iter(self._same[start]))]
            state.setdefault(start, False)
            while path:
                number, rest = path[-1]
                following = next(rest, None)
                if following is None:
                    state[number] = True
                    order.append(number)
                    path.pop()
                elif following not in state:
                    state[following] = False
                    path.append((following, iter(self._same[following])))
                elif not state[following]:
                    self._endless.add(following)
        return order


def _schemas(schema: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """The schemas that a keyword holds: one, a list, or a mapping by name; true and false cost nothing."""
    value = schema.get(key)
    if isinstance(value, dict) and key not in _BY_NAME:
        yield value
    else:
        values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        yield from (one for one in values if isinstance(one, dict))
