"""A new project folder: empty, or mapped from a file of pairs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from ..core import ConfigError, Console, printable, write_whole
from ..curate import Checkup, mask_pairs
from ..style import infer_style
from .curation.check import Advised, check_data
from .curation.style import take_pairs
from .project import PROJECT_FILE
from .run import console_for
from .runs import from_run

STYLE = """\
# What a good output looks like. Each check validates the examples, adds a line to the style guide, and scores outputs.
name: {name}
about: One output for one request.
reviewed: false            # set to true once you have reviewed this file; the report shows it
checks:
  - kind: clean            # no leftovers of a prompt, no placeholders, no refusals
  - kind: length
    unit: words
    min: {low}
    max: {high}            # the range of the examples; tighten it
  - kind: grounded         # numbers and codes in the output must occur in the input; remove this if they need not
    level: should
"""

PROJECT = """\
[data]
path = {path}
{data}

[style]
path = "style.yaml"

# [train]                  # optional: epochs and learning rate are derived from the data and the model
# model = "smollm2-135m"   # or a folder, or a hub name such as "org/model"
# epochs = 3               # the default is usually 3, more for few pairs, fewer for very many
# learning_rate = 5e-4     # the default depends on the model's width
# micro_batch = 2          # pairs in memory at once; set it if memory is short: slower, same result
# gradient_checkpointing = true  # if that is not enough: a third slower
# drop_long = true         # drop pairs that are longer than the model's context instead of failing

{curate}
# fix = "safe"             # repair outputs that break a rule and keep them for training; test rows stay as written

[evaluate.prompted]
guide = "style.yaml"       # better: a text file with your own guide
few_shot = 3

# [roi]                    # state volume and prices so that the verdict includes the money
# currency = "EUR"
# requests_per_day = 1000
# [roi.investment]         # what training costs; 0 counts only if it is stated
# compute = 20             # the training runs, or compute_hourly: the price of the hours that the run measures
# engineering_hours = 16   # the work ahead; for pairs still to be written, labelling_pairs and their minutes
# engineering_hourly = 60
# [roi.running]            # what keeping the tuned model up costs
# monitoring_hours_per_month = 1   # reading samples of its outputs; for retraining, retrain_every_days and retrain_cost
# monitoring_hourly = 60
# [roi.prompted]
# price_input = 0.15       # per million tokens, or: model = "openai:gpt-4o-mini"
# price_output = 0.60
# [roi.tuned]
# price_input = 0.30
# price_output = 1.20
"""
GROUP = '# group = "family"         # rows that belong in the same split: a product family, an author'
IDENTIFIERS = '# identifiers = ["sku"]    # fields that name the item without describing it'


@dataclass(frozen=True)
class Created:
    """A new project: the files that were written, and in `found` what was recognised in the examples and their style.

    checkup: the findings about the examples; None if the project has none.
    """

    folder: Path
    written: tuple[Path, ...]
    found: Mapping[str, Any] = field(default_factory=dict)
    checkup: Checkup | None = None


def create_project(
    folder: str | Path,
    pairs: str | Path | None = None,
    *,
    seed: int | None = None,
    talk: Console | None = None,
    **reading: Any,
) -> Created:
    """Create a folder with tuneworth.toml and a style.yaml, inferred from the examples in the file `pairs`.

    `reading` may set `input`, `output`, `encoding` and `delimiter` if they are not recognised; what `check_data` proposes and
    recommends is written with its reason. If the examples have no common style, or there is no file, style.yaml is a basic
    starting point.

    Raises: ConfigError if such files already exist; DataError if there is no pair.
    """
    talk, folder = console_for(talk, seed), Path(folder)
    if pairs is None:
        settings = PROJECT.format(path='"pairs.jsonl"', data=f"{GROUP}\n{IDENTIFIERS}", curate="# [curate]")
        style, recognised, checkup = STYLE.format(name=_yaml(folder.resolve().name), low=1, high=200), {}, None
    else:
        settings, style, recognised, checkup = _from_examples(Path(pairs), folder, reading, talk)
    files = {folder / "style.yaml": style, folder / PROJECT_FILE: settings}  # the project file last: it marks a project
    taken = [file.name for file, text in files.items() if file.exists() and not _holds(file, text)]
    if taken:
        raise ConfigError(f"{folder} already has {' and '.join(taken)}; nothing was written")
    for file, text in files.items():
        write_whole(file, text)
    return Created(folder, tuple(reversed(files)), recognised, checkup)


def _holds(file: Path, text: str) -> bool:
    return file.is_file() and file.read_bytes() == text.encode()


def _from_examples(
    file: Path, folder: Path, reading: Mapping[str, Any], talk: Console
) -> tuple[str, str, dict[str, Any], Checkup]:
    """The project file, the style file, what was recognised in the examples, and their check-up."""
    checked = check_data(file, **reading)
    data, curate = (checked.settings.get(table, {}) for table in ("data", "curate"))
    if checked.checkup.reason:
        talk.note(checked.checkup.reason)
    raw = take_pairs(file, talk=talk, **{name: _as_stated(one.value) for name, one in data.items()})
    name = folder.resolve().name
    pairs = mask_pairs(raw.pairs) if "mask" in curate else raw.pairs  # as they will be curated
    inferred = infer_style(pairs, name=name, source=file.name, seed=talk.seed)
    fallback = "" if inferred.found_style else "; style.yaml is a basic starting point"
    talk.note(f"{inferred.message}{fallback}")
    lines = [
        *_advised_lines(data),
        *([] if "group" in data else [GROUP]),
        *([] if "identifiers" in data else [IDENTIFIERS]),
    ]
    settings = PROJECT.format(
        path=_toml(from_run(folder, file)),
        data="\n".join(lines),
        curate="\n".join(_curate_lines(curate, checked.checkup)),
    )
    recognised = {"recognised": raw.shape, "found_style": inferred.found_style, "message": inferred.message}
    return settings, inferred.text or _plain_style(name, pairs), recognised, checked.checkup


def _as_stated(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _advised_lines(settings: Mapping[str, Advised]) -> Iterator[str]:
    """Each setting, after the reason for it."""
    for name, one in settings.items():
        if one.reason:
            yield _comment(one.reason)
        yield f"{name} = {_toml(one.value)}"


def _curate_lines(settings: Mapping[str, Advised], checkup: Checkup) -> Iterator[str]:
    """The table `[curate]`, with those settings as comments that a person must choose."""
    yield "[curate]" if settings else "# [curate]"
    yield from _advised_lines(settings)
    for finding in checkup.findings:
        if finding not in checkup.advised and (finding.setting or "").startswith("[curate] "):
            yield _comment(finding.title)
            yield f"# {(finding.setting or '').removeprefix('[curate] ')}"


def _comment(text: str) -> str:
    return printable(f"# {' '.join(text.split())}")


def _plain_style(name: str, pairs: pl.DataFrame) -> str:
    """A basic style: clean, as long as the examples, grounded."""
    words = pairs["output"].str.count_matches(r"\S+")
    low, high = words.quantile(0.01, "lower"), words.quantile(0.99, "higher")
    return STYLE.format(name=_yaml(name), low=int(low or 1), high=int(high or 1))


def _toml(value: Any) -> str:
    """A TOML basic string or whole number, a list of them, or an inline table."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {_toml(inner)}' for key, inner in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _yaml(text: str) -> str:
    """A YAML scalar, in quotes if it needs them."""
    return yaml.safe_dump(text, allow_unicode=True, width=10**6).removesuffix("\n").removesuffix("\n...")
