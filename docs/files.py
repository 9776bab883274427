"""Writes docs/files.md: every file of a run with its keys, from the schemas by which they are read.

Run it after a schema changed: `python docs/files.py`. A test holds the page to the schemas.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tuneworth.core import RunFile, run_files

PAGE = Path(__file__).with_suffix(".md")
INTRODUCTION = """\
# Files of a run: every key, and what damage does

What each file is for is in [Runs](runs.md#the-files-of-a-run). Here are its keys with their types. The schemas themselves are
[core/stored/run_files.schema.json](../core/stored/run_files.schema.json) and, for results.json and the summary in it,
[evaluate/results.schema.json](../evaluate/results.schema.json).

Every command reads these files by their schemas. A file that is cut, edited by another program, or replaced by something
else ends the command with exit code 2 and one message: the file, the line, the place in it, what is there and what was
expected, and the command that makes the file again if the others allow it. Nothing is written before that.

- **Versions.** A run of an earlier version may lack keys of `results.json` and `curate/summary.json`: they count as null, or
  as empty where a list or a map belongs. What is there must have its type. Unknown keys are left alone in every file.
- **Missing rows.** A split with fewer or more lines than `curate/summary.json` counted, texts missing from
  `set_aside.jsonl`, a ledger with other rows than were read, and outputs that lack a request are damage too.
- **`splits.jsonl` and `overrides.jsonl`** outlive a run. If they have fewer lines than after the last curation (`lines` in
  its summary), lost rows are placed as in the ledger of that run, with the warning `splits_lost`; lost decisions are
  noted. A file that you deleted loses nothing.
- **Files that grow.** A last line that a kill cut short is left out. Any other damaged line of a paid answer or request is
  refused, since it would be paid for again; of `generated.jsonl`, such lines are counted and their outputs generated again.

This page is generated from the schemas by `docs/files.py`.
"""
_AGAIN = {
    "curate": "`tuneworth curate PROJECT --run NAME`, or `tuneworth curate RUN --again` for the folder of `--out`",
    "train": "`tuneworth train PROJECT --run NAME --again`",
    "evaluate": "`tuneworth evaluate PROJECT --run NAME`; generated outputs are reused",
    "search": "`tuneworth search PROJECT --run NAME`; answers are reused",
    "": "nothing: keep a copy",
}
_WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false", "array": "list"}


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(line for file in run_files().values() for line in section(file))])


def section(file: RunFile) -> Iterator[str]:
    """What a file is, and its keys."""
    yield f"## `{file.name}`\n"
    yield f"{file.about}{' One JSON object on each line.' if file.lines else ''} Made again by: {_AGAIN[file.again]}.\n"
    if file.typed:
        return
    whole = _resolved(file.schema, file.schema)
    keys = _resolved(whole.get("items", whole), file.schema)
    yield "| key | type | content |\n|---|---|---|"
    for name, key in keys["properties"].items():
        needed = "" if name in keys.get("required", keys["properties"]) else ", optional"
        yield f"| `{name}` | {_type(_resolved(key, file.schema))}{needed} | {_content(key, file.schema)} |"
    yield ""


def _resolved(schema: Mapping[str, Any], within: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema with what it refers to; its own words go first."""
    place = schema.get("$ref")
    return schema if place is None else {**within["$defs"][place.rpartition("/")[2]], **schema}


def _type(schema: Mapping[str, Any]) -> str:
    if "const" in schema or "enum" in schema:
        return " or ".join(
            "null" if word is None else f"`{word}`" for word in schema.get("enum", [schema.get("const")])
        )
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(str(_WORDS.get(kind, kind)) for kind in kinds)


def _content(schema: Mapping[str, Any], within: Mapping[str, Any]) -> str:
    """The description, with the keys of what is inside."""
    inner = _resolved(schema.get("items", schema), within)
    names = ", ".join(f"`{name}`" for name in inner.get("properties", {}))
    return f"{schema.get('description', '')}{': ' * bool(names)}{names}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
