"""`tuneworth init`: a new project folder."""

import os
from pathlib import Path

import click

from .talk import Talk, common_options

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
{columns}# group = "family"         # what must stay on one side of the split: a product family, an author
# identifiers = ["sku"]    # fields that name the item and say nothing about it

[style]
path = "style.yaml"

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


@click.command("init", epilog="Example:  tuneworth init lines --from pairs.jsonl")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--from", "file", type=click.Path(path_type=Path), help="The file of pairs; its columns are mapped.")
@common_options
def command(folder: Path, file: Path | None, talk: Talk) -> None:
    """A new project: FOLDER with tuneworth.toml and a style.yaml to begin with."""
    from ..style import ConfigError, write_whole
    from .project import PROJECT_FILE

    taken = [name for name in (PROJECT_FILE, "style.yaml") if (folder / name).exists()]
    if taken:
        raise ConfigError(f"{folder} holds {' and '.join(taken)} already; nothing was written")
    path, columns, low, high, shape = "pairs.jsonl", "", 1, 200, None
    if file is not None:
        path, columns, low, high, shape = _look(file, folder)
        talk.note(shape)
    write_whole(folder / PROJECT_FILE, PROJECT.format(path=_toml(path), columns=columns))
    write_whole(folder / "style.yaml", STYLE.format(name=folder.resolve().name, low=low, high=high))
    written = [str(folder / PROJECT_FILE), str(folder / "style.yaml")]
    talk.answer("\n".join(f"Written: {name}" for name in written), {"written": written, "recognised": shape})
    talk.next(f"look at {folder / 'style.yaml'}, then: tuneworth curate {folder}")


def _look(file: Path, folder: Path) -> tuple[str, str, int, int, str]:
    """The path from the folder, the mapped columns, the range of words, and what was recognised."""
    from ..curate import read_pairs
    from ..curate.settings import DataSettings
    from ..style import DataError

    raw = read_pairs(file, DataSettings(path=str(file)))
    if not len(raw.pairs):
        raise DataError(f"{file} holds no pair that can be read")
    words = raw.pairs["output"].str.count_matches(r"\S+")
    low, high = words.quantile(0.01, "lower"), words.quantile(0.99, "higher")
    relative = os.path.relpath(file.resolve(), folder.resolve())
    return relative, "", int(low or 1), int(high or 1), raw.shape


def _toml(text: str) -> str:
    """A TOML basic string."""
    import json

    return json.dumps(text, ensure_ascii=False)
