"""A project: a folder with `tuneworth.toml`; reading it reports all its problems at once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..core import ConfigError, address_problems, build_settings, key_env_problems, read_toml, unknown_keys, with_lines
from ..curate import ClusterSettings, CurateSettings, DataSettings
from ..evaluate import EvaluateSettings, RoiSettings, read_evaluate, read_roi, with_price_path
from ..style import StyleSchema, read_style
from ..train import TrainSettings

PROJECT_FILE = "tuneworth.toml"
SECTIONS = ["data", "style", "curate", "train", "evaluate", "roi", "cluster"]


@dataclass(frozen=True, kw_only=True)
class HostedSettings:
    """`[train.hosted]`: a training at a provider."""

    model: str = ""
    """The base model's name at the provider."""
    key_env: str | None = None
    """The environment variable with the key. Default: the provider's usual one."""
    account: str | None = None
    """The id of the account at Fireworks AI."""
    base_url: str | None = None
    """The address of the provider's API, if it is not the usual one."""
    suffix: str | None = None
    """A part of the tuned model's name."""
    epochs: int | None = None
    """How often every pair is seen. Default: by the rule of `[train]`."""
    learning_rate: float | None = None
    """The learning rate. Default: the provider's own."""
    rank: int | None = None
    """The rank of the LoRA matrices. Default: the provider's own."""
    batch_size: int | None = None
    """Pairs of one step. Default: the provider's own."""
    validation: bool = True
    """Whether the validation pairs are sent as well."""
    price: Decimal | None = None
    """The price per million training tokens, in USD. Default: from the table of prices."""
    tokenizer: str | None = None
    """A folder or hub name of the tokenizer that counts the tokens. Default: every byte counts as a token in the limit."""
    longest_tokens: int | None = None
    """The most tokens that an example may have. Default: no limit."""

    def __post_init__(self) -> None:
        problems = key_env_problems(self.key_env)
        for name in ("epochs", "rank", "batch_size", "longest_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                problems.append(f'"{name}" is {value}; expected 1 or more')
        if self.learning_rate is not None and not 0 < self.learning_rate <= 10:
            problems.append(f'"learning_rate" is {self.learning_rate:g}; expected more than 0 and at most 10')
        if self.price is not None and not (self.price.is_finite() and self.price >= 0):
            problems.append(f'"price" is {self.price}; expected 0 or more USD per million training tokens')
        if self.account is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.account):
            problems.append('"account" is not the id of an account: expected letters, digits, ".", "_" and "-"')
        if self.suffix is not None and not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", self.suffix):
            problems.append('"suffix" may hold small letters, digits and "-", and neither begins nor ends with "-"')
        if self.base_url is not None:
            problems += [f'"base_url": {problem}' for problem in address_problems(self.base_url)]
        if problems:
            raise ConfigError("; ".join(problems))


@dataclass(frozen=True)
class Project:
    """A project's folder and its settings; `roi` is the parsed `[roi]` table with Decimal numbers, or None.

    `cluster` is None without a section `[cluster]`, `hosted` without `[train.hosted]`; they take effect only on request.
    """

    folder: Path
    data: DataSettings
    style: StyleSchema
    curate: CurateSettings
    train: TrainSettings
    evaluate: EvaluateSettings
    roi: Mapping[str, Any] | None = field(default=None, compare=False)
    resolved: Mapping[str, Any] = field(default_factory=dict, compare=False)
    cluster: ClusterSettings | None = None
    hosted: HostedSettings | None = None

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.resolve().name

    @property
    def reading(self) -> DataSettings:
        """`data`, with tool calls as outputs if the style expects JSON and [data] does not state otherwise."""
        expects_json = any(check.kind == "json" for check in self.style.checks)
        if self.data.tool_calls is not None or not expects_json:
            return self.data
        return replace(self.data, tool_calls="output")

    @property
    def inputs(self) -> list[tuple[str, Path]]:
        """(role, file) of the project's inputs other than its pairs: the project file, the style, the guides."""
        files = [("project", self.folder / PROJECT_FILE)]
        files += self.style.sources
        guides = dict.fromkeys(
            variant.guide for name in self.evaluate.named if (variant := self.evaluate.of(name)).guide
        )
        files += [("guide", self.folder / guide) for guide in guides if self.folder / guide != self.style.path]
        return [(role, path) for role, path in files if path.is_file()]

    @property
    def roi_settings(self) -> RoiSettings | None:
        """The settings of `[roi]`; None without that section.

        Raises: ConfigError with all its problems.
        """
        return None if self.roi is None else read_roi(self.roi, file=self.folder / PROJECT_FILE)

    @property
    def currency(self) -> str:
        """The currency of `[roi]`; EUR without that section."""
        roi = self.roi_settings
        return "EUR" if roi is None else roi.currency

    @property
    def runs(self) -> Path:
        """The folder of its runs."""
        return self.folder / "runs"


@dataclass(frozen=True)
class StyleSettings:
    """Where the style is."""

    path: str = "style.yaml"
    """The style's file, relative to the project."""


def find_project(path: Path | None) -> Path:
    """The folder of a project, given its folder or file; by default the current folder.

    Raises: ConfigError if there is no project file.
    """
    folder = Path() if path is None else path
    if folder.name == PROJECT_FILE:
        folder = folder.parent
    if not (folder / PROJECT_FILE).exists():
        raise ConfigError(
            f"no {PROJECT_FILE} in {folder.resolve()}\n"
            "Run `tuneworth init DIR --from FILE` to create a project, a folder with that file."
        )
    return folder


def read_project(path: Path | None, *, allow_code: bool = False) -> Project:
    """The project in a folder, with its style; with `allow_code`, `python` checks of the style may run.

    Raises: ConfigError with every problem of `tuneworth.toml`, or of the style file.
    """
    folder = find_project(path)
    table = read_toml(folder / PROJECT_FILE)
    problems = unknown_keys(table, SECTIONS, where="")
    if "data" not in table:
        problems.append('[data] is missing; it names the file of pairs: path = "pairs.jsonl"')
    data = build_settings(DataSettings, table.get("data", {"path": ""}), where="data", problems=problems)
    style = build_settings(StyleSettings, table.get("style", {}), where="style", problems=problems)
    curate = build_settings(CurateSettings, table.get("curate", {}), where="curate", problems=problems)
    hosted, own = _hosted(table.get("train", {}), problems)
    train = build_settings(TrainSettings, own, where="train", problems=problems)
    evaluate = read_evaluate(table.get("evaluate", {}), where="evaluate", problems=problems)
    cluster = _cluster(table, problems)
    if problems or data is None or style is None or curate is None or train is None or evaluate is None:
        raise ConfigError.of(problems, where=str(folder / PROJECT_FILE))
    if isinstance(curate.meaning, str):
        curate = replace(curate, meaning=str(folder / curate.meaning))
    schema = read_style(folder / style.path, allow_code=allow_code)
    return Project(
        folder,
        data,
        schema,
        curate,
        train,
        evaluate,
        with_price_path(table.get("roi"), folder),
        plain(table),
        cluster,
        hosted,
    )


def _hosted(train: Any, problems: list[str]) -> tuple[HostedSettings | None, Any]:
    """The settings of `[train.hosted]`, and `[train]` without them."""
    if not isinstance(train, Mapping) or "hosted" not in train:
        return None, train
    settings = build_settings(HostedSettings, train["hosted"], where="train.hosted", problems=problems)
    return settings, with_lines(train, {key: value for key, value in train.items() if key != "hosted"})


def _cluster(table: Mapping[str, Any], problems: list[str]) -> ClusterSettings | None:
    if "cluster" not in table:
        return None
    return build_settings(ClusterSettings, table["cluster"], where="cluster", problems=problems)


def plain(value: Any) -> Any:
    """The table as JSON values, for run.json."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def exact(value: Any) -> Any:
    """A table with exact numbers: each float becomes the Decimal that it prints as."""
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    return Decimal(repr(value)) if isinstance(value, float) else value
