"""`tuneworth init`: a new project folder."""

import json
import os
from collections import Counter
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from ..core import Talk
from .options import common_options
from .reading import read_file, reading_options

if TYPE_CHECKING:
    import polars as pl

__all__ = ["command"]

STYLE = """\
# What a good output looks like. Each check validates the examples, writes a line of the style guide, and scores.
name: {name}
about: One output for one request.
reviewed: false            # set to true once you have looked at it: the report says which it is
checks:
  - kind: clean            # no leftovers of a prompt, no placeholders, no refusals
  - kind: length
    unit: words
    min: {low}
    max: {high}            # the range of the examples; tighten it
  - kind: grounded         # numbers and codes in the output stand in the input; take it out where that is not wanted
    level: should
"""

PROJECT = """\
[data]
path = {path}
{columns}{group}
{identifiers}

[style]
path = "style.yaml"

# [train]                  # nothing need be stated: epochs and learning rate follow from the data and the model
# model = "smollm2-135m"   # or a folder, or a hub name such as "org/model"
# epochs = 3               # by rule 3; more where pairs are few, fewer where they are very many
# learning_rate = 5e-4     # by rule from the model's width
# micro_batch = 2          # pairs in memory at once, where it is short: slower, with the same result
# gradient_checkpointing = true  # where that is not enough: a third slower
# drop_long = true         # leave out pairs that are longer than the model's context, in place of an error

[evaluate.prompted]
guide = "style.yaml"       # better: a text file with your own guide
few_shot = 3

# [roi]                    # state volume and prices for a verdict with money in it
# currency = "EUR"
# requests_per_day = 1000
# [roi.investment]
# engineering_hours = 16
# engineering_hourly = 60
# [roi.prompted]
# price_input = 0.15       # per million tokens, or: model = "openai:gpt-4o-mini"
# price_output = 0.60
# [roi.tuned]
# price_input = 0.30
# price_output = 1.20
"""
_LOOKED_AT = 20_000  # rows; more say nothing new about what their columns are for
GROUP = '# group = "family"         # what must stay on one side of the split: a product family, an author'
IDENTIFIERS = '# identifiers = ["sku"]    # fields that name the item and say nothing about it'


@click.command("init", epilog="Example:  tuneworth init lines --from pairs.jsonl")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--from", "file", type=click.Path(path_type=Path), help="The file of pairs; its columns are mapped.")
@reading_options
@common_options
def command(folder: Path, file: Path | None, reading: dict[str, Any], talk: Talk) -> None:
    """A new project: FOLDER with tuneworth.toml and a style.yaml, inferred from the examples of --from FILE.

    Where the examples have no style, or there is no file, style.yaml is a plain one to begin with.
    """
    from ..core import ConfigError, write_whole
    from ..project import PROJECT_FILE

    taken = [name for name in (PROJECT_FILE, "style.yaml") if (folder / name).exists()]
    if taken:
        raise ConfigError(f"{folder} holds {' and '.join(taken)} already; nothing was written")
    if reading and file is None:
        raise ConfigError(f"--{next(iter(reading))} says how the file of --from is read; name that file")
    if file is None:
        settings, style, found = (
            PROJECT.format(path='"pairs.jsonl"', columns="", group=GROUP, identifiers=IDENTIFIERS),
            None,
            {},
        )
    else:
        settings, style, found = _from_examples(file, folder, reading, talk)
    write_whole(folder / PROJECT_FILE, settings)
    write_whole(folder / "style.yaml", style or STYLE.format(name=_yaml(folder.resolve().name), low=1, high=200))
    written = [str(folder / PROJECT_FILE), str(folder / "style.yaml")]
    talk.answer("\n".join(f"Written: {name}" for name in written), {"written": written, "recognised": None, **found})
    talk.next(f"look at {folder / 'style.yaml'}, then: tuneworth curate {quote(str(folder))}")


def _from_examples(
    file: Path, folder: Path, reading: dict[str, Any], talk: Talk
) -> tuple[str, str, dict[str, Any]]:  # fmt: skip
    """The project file, the style file, and what was found in the examples."""
    from ..style import infer_style

    raw = read_file(file, reading, talk)
    name = folder.resolve().name
    inferred = infer_style(raw.pairs, name=name, source=file.name, seed=talk.seed)
    begin = "" if inferred.found_style else "; style.yaml is a plain one to begin with"
    talk.note(f"{inferred.message}{begin}")
    settings = PROJECT.format(
        path=_toml(os.path.relpath(file.resolve(), folder.resolve())),
        columns="".join(f"{key} = {_toml(value)}\n" for key, value in reading.items()),
        group=_group_line(raw.pairs.head(_LOOKED_AT)),
        identifiers=_identifiers_line(raw.pairs.head(_LOOKED_AT)),
    )
    found = {"recognised": raw.shape, "found_style": inferred.found_style, "message": inferred.message}
    return settings, inferred.text or _plain_style(name, raw.pairs), found


def _plain_style(name: str, pairs: "pl.DataFrame") -> str:
    """A style to begin with: clean, as long as the examples are, grounded."""
    words = pairs["output"].str.count_matches(r"\S+")
    low, high = words.quantile(0.01, "lower"), words.quantile(0.99, "higher")
    return STYLE.format(name=_yaml(name), low=int(low or 1), high=int(high or 1))


def _group_line(pairs: "pl.DataFrame") -> str:
    """A column beside the pairs that could group them: few rows share a value of it."""
    if pairs["group"].null_count() < len(pairs):
        return ""
    columns: dict[str, list[Any]] = {}
    for number, text in enumerate(pairs["meta"]):
        for name, value in (json.loads(text) if text else {}).items():
            columns.setdefault(name, [None] * len(pairs))[number] = str(value)
    sizes = {name: Counter(values) for name, values in columns.items() if None not in values}
    # Groups stay whole: the largest must fit well into the smallest split.
    fitting = {name: len(s) for name, s in sizes.items() if len(s) < len(pairs) and max(s.values()) <= len(pairs) / 20}
    if not fitting:
        return GROUP
    name = min(fitting, key=lambda name: (fitting[name], name))
    return f"# group = {_toml(name)}  # what must stay on one side of the split; {fitting[name]:,} groups"


def _identifiers_line(pairs: "pl.DataFrame") -> str:
    """The input fields in which no two requests agree: they may name the item and say nothing about it."""
    from ..curate import identifier_like

    apart = identifier_like(pairs)
    if not apart:
        return IDENTIFIERS
    return f"# identifiers = {_toml(apart)}  # fields that name the item and say nothing about it"


def _toml(value: Any) -> str:
    """A TOML basic string, or a list of them."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _yaml(text: str) -> str:
    """A YAML scalar in double quotes where it needs them."""
    import yaml

    return yaml.safe_dump(text, allow_unicode=True, width=10**6).removesuffix("\n").removesuffix("\n...")
