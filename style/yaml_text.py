"""A YAML text as plain data, stricter than YAML itself: no key twice, one document, no endless nesting."""

from typing import Any

import yaml

from .errors import ConfigError

__all__ = ["read_yaml"]


class _Loader(yaml.SafeLoader):
    """Plain data alone; of a key that stands twice in a mapping YAML would silently keep the last."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.doubled: list[str] = []

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        first: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                if before := first.get(name := (key.tag, key.value)):
                    self.doubled.append(f'lines {before} and {line}: the key "{key.value}" stands twice; keep one')
                first[name] = line
        return node


def read_yaml(text: str, *, where: str) -> Any:
    """The data in one YAML document; None where it is empty.

    Raises: ConfigError with the line, naming every key that stands twice in its mapping.
    """
    try:
        loader = _Loader(text)
        try:
            data = loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}{_line(error)}: not valid YAML: {_reason(error)}") from None
    except RecursionError:
        raise ConfigError(f"{where}: not valid YAML: its lists or mappings are nested too deeply") from None
    except ValueError as error:  # a date such as 2026-13-45
        raise ConfigError(f"{where}: not valid YAML: {error}") from None
    if loader.doubled:
        raise ConfigError.of(list(dict.fromkeys(loader.doubled)), where=where)
    return data


def _line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}" if mark else ""


def _reason(error: yaml.YAMLError) -> str:
    """Why it cannot be read, and what to do where that is known."""
    problem = str(getattr(error, "problem", None) or error).splitlines()[0]
    if "another document" in problem:
        return "a second document begins here (`---`); one file holds one style"
    if "'\\t'" in problem:
        return "a tab stands where a line begins; indent with spaces"
    if "mapping values are not allowed" in problem:
        return "a colon too many; put a text that holds `: ` in quotes"
    if "could not determine a constructor" in problem:
        return "a tag (`!...`) is not supported: a style file holds plain data alone"
    return problem
