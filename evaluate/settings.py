"""The `[evaluate]` table: how variants run and how they are compared."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from decimal import Decimal
from typing import Any, Literal

from ..core import ConfigError, Fix, build_settings, divided_names, key_env_problems, nearest, toml_name, with_lines
from .money.inputs.prices import is_tuned_name
from .rivals.names import made_from
from .search.settings import SearchSettings

RUN_ADAPTER = "run"  # `adapter = "run"`: the adapter that this run trained
MOST_AT_ONCE = 256  # requests in flight; more than any account's rate limit allows
_PROMPTING = ("guide", "few_shot", "examples", "model", "adapter", "endpoint", "retry", "constrained")
_CALLS = ("key_env", "concurrency", "seconds_per_call", "tries", "most_seconds", "parameters", "system_role")


MOST_TRIES = 100
MOST_EXAMPLES = 50


@dataclass(frozen=True, kw_only=True)
class RetrySettings:
    """`retry` of `[evaluate.NAME]`: how `NAME + retry` prompts again for outputs that break a rule."""

    tries: int = 3
    """Calls for one request at most, the first one included."""
    temperature: float | None = None
    """The temperature of the further calls. Default: the variant's own."""

    def __post_init__(self) -> None:
        problems = []
        if not 2 <= self.tries <= MOST_TRIES:
            problems.append(f'"tries" is {self.tries}; expected 2 to {MOST_TRIES}, the first call included')
        if self.temperature is not None and not 0 <= self.temperature <= 2:
            problems.append(f'"temperature" is {self.temperature:g}; expected 0 to 2')
        if problems:
            raise ConfigError("; ".join(problems))


@dataclass(frozen=True, kw_only=True)
class VariantSettings:
    """`[evaluate.NAME]`: a local model, an OpenAI-compatible endpoint, or a file of collected outputs."""

    guide: str | None = None
    """The style guide in the prompt: `style.yaml`, rendered as text, or a text file. Default: for `prompted` the data's
    own system message, else the style's; none for others."""
    few_shot: int | None = None
    """Examples in the prompt. Default: 3 for `prompted`, else 0."""
    outputs: str | None = None
    """A file of outputs that were collected elsewhere; no model is called. Also for a rival by its name, such as
    `[evaluate."prompted + retry"]`."""
    model: str | None = None
    """A local folder or hub name; with `endpoint`, the name of the model there. Default: the model of `[train]`."""
    adapter: str | None = None
    """A folder with an adapter, or `"run"` for the one that this run trains."""
    tuned: bool | None = None
    """Whether the model was fine-tuned. Default: by its adapter or name."""
    repair: Fix = "off"
    """Which repairs are made to the outputs before they are scored."""
    examples: Literal["fixed", "nearest"] = "fixed"
    """The same examples for all requests, or the nearest train pairs of each."""
    template: str | None = None
    """A text with `{field}` places that is filled in without a model."""
    retry: RetrySettings | None = None
    """How `NAME + retry` prompts again where an output breaks a rule."""
    fallback: str | None = None
    """Another variant that answers where this one's output breaks a rule."""
    constrained: bool = False
    """Whether the model can only generate what the style's patterns or JSON Schema allow."""
    endpoint: str | None = None
    """The address of an OpenAI-compatible API, such as `"https://api.example.com/v1"`."""
    key_env: str | None = None
    """The environment variable with the endpoint's key."""
    concurrency: int = 8
    """Requests in flight at most."""
    seconds_per_call: float = 120.0
    """The time limit of one attempt."""
    tries: int = 6
    """Attempts for one request at most."""
    most_seconds: float | None = None
    """The time limit of one request with all its attempts and waits. Default: none."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """Further parameters, sent unchanged."""
    system_role: bool = True
    """Whether the model at the endpoint takes a system message. `false` puts the guide, or a pair's own system message, at
    the beginning of the first user message, in the requests and in what is exported for tuning."""

    def __post_init__(self) -> None:
        problems = key_env_problems(self.key_env)
        if self.few_shot is not None and not 0 <= self.few_shot <= MOST_EXAMPLES:
            problems.append(f'"few_shot" is {self.few_shot}; expected 0 to {MOST_EXAMPLES}')
        if not 1 <= self.concurrency <= MOST_AT_ONCE:
            problems.append(f'"concurrency" is {self.concurrency}; expected 1 to {MOST_AT_ONCE}')
        if not 0 < self.seconds_per_call <= 86_400:
            problems.append(f'"seconds_per_call" is {self.seconds_per_call:g}; expected more than 0, at most a day')
        if not 1 <= self.tries <= 100:
            problems.append(f'"tries" is {self.tries}; expected 1 to 100')
        if self.most_seconds is not None and not 0 < self.most_seconds <= 86_400:
            problems.append(f'"most_seconds" is {self.most_seconds:g}; expected more than 0, at most a day')
        for source, why in (("outputs", "are already collected"), ("template", "needs no model")):
            used = [key for key in _PROMPTING if self._is_set(key) and getattr(self, source) is not None]
            if used:
                named = ", ".join(f'"{key}"' for key in used)
                problems.append(f'"{source}" {why}: {named} {_have(used)} no effect')
        if self.outputs is not None and self.template is not None:
            problems.append('"outputs" and "template" exclude each other; remove one')
        if self.examples == "nearest" and self.few_shot == 0:
            problems.append('examples = "nearest" needs "few_shot" above 0, the number of examples for each request')
        if self.endpoint is not None and not self.endpoint.strip():
            problems.append('"endpoint" is empty; expected an address such as https://api.example.com/v1')
        if self.endpoint is not None and self.model is None:
            problems.append('"endpoint" needs "model", the name of the model at the endpoint')
        if self.endpoint is not None and self.adapter is not None:
            problems.append('"adapter" is for a model on this machine; set "model" to the tuned model at the endpoint')
        if self.endpoint is None and (alone := [key for key in _CALLS if self._is_set(key)]):
            problems.append(f'"{alone[0]}" is for an endpoint; "endpoint" is missing')
        if problems:
            raise ConfigError("; ".join(problems))

    def _is_set(self, key: str) -> bool:
        return key in stated_keys(self)

    @property
    def source(self) -> Literal["outputs", "endpoint", "template"] | None:
        """The source of the outputs, unless a model on this machine generates them."""
        if self.template is not None:
            return "template"
        return "outputs" if self.outputs is not None else "endpoint" if self.endpoint is not None else None


def stated_keys(settings: VariantSettings) -> list[str]:
    """The keys that a variant's table sets to something other than their default."""
    defaults = {one.name: {} if one.default is MISSING else one.default for one in fields(settings)}
    return [key for key, default in defaults.items() if getattr(settings, key) != default]


def _have(keys: list[str]) -> str:
    return "has" if len(keys) == 1 else "have"


BUILT_IN = ("plain", "prompted", "tuned")
MOST_RIVALS_TIME = 1000  # times the run's own time; `rivals = "all"` is for no limit
GIVEN = ("template", "nearest")  # rivals that Tuneworth adds and whose tables may be stated
AUTO = "auto"
SEARCH = "search"  # the sub-table of `[evaluate]` that is no variant
MOST_SAMPLES = 100  # outputs of one request; beyond that, more requests help more than more samples


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings:
    """The variants and how they are compared.

    The verdict holds against every untrained variant; `baseline` only names the one in use today, which comes first among
    equals.
    """

    variants: tuple[str, ...] = BUILT_IN
    """The ways to get an output that are compared."""
    baseline: str = AUTO
    """The untrained variant in use today; `"auto"`: `prompted`, or the best untrained one."""
    candidate: str = "tuned"
    """The variant that the verdict is about."""
    rivals: Literal["auto", "all", "none"] | tuple[str, ...] = "auto"
    """Which ways without training are measured in addition: those without paid calls that take less time than the run,
    all, none, or those named."""
    rivals_time: float = 1.0
    """The most time that they take together with `rivals = "auto"`, as a share of the time of training and of the
    variants' outputs."""
    max_new_tokens: int | Literal["auto"] = "auto"
    """The token limit of an output; `"auto"` is 1.5 times the longest training output."""
    temperature: float = 0.0
    """The sampling temperature."""
    samples: int = 1
    """Outputs for each request."""
    margin: float = 0.03
    """The loss of acceptable outputs, as a share, that still counts as not worse."""
    facts_margin: float | None = None
    """The same for outputs that are right about the facts. Default: `margin`."""
    max_cost: Decimal | None = None
    """The most that endpoints may cost, in the currency of `[roi]`; the run stops before it would be exceeded."""
    max_pairs: int | None = None
    """Compare on a seeded sample of this size. Default: all test pairs."""
    probes: bool = True
    """Whether a tuned model on this machine also answers train requests and general prompts, which measures overfitting
    and forgetting."""
    train_sample: int = 200
    """How many train requests the probes use at most."""
    personal_data: Literal["refuse", "allow"] = "refuse"
    """Whether texts with personal data may be sent to another machine."""
    search: SearchSettings = SearchSettings()  # noqa: RUF009 - frozen
    """How `tuneworth search` looks for a better prompt."""
    named: dict[str, VariantSettings] = field(default_factory=dict, metadata={"own_names": True})

    def __post_init__(self) -> None:
        problems = [*self._numbers(), *self._roles(), *self._tables()]
        if problems:
            raise ConfigError("; ".join(problems))

    @property
    def recorded(self) -> tuple[str, ...]:
        """The rivals, by the names that Tuneworth gives them, whose outputs a table `[evaluate.NAME]` has in a file."""
        return tuple(
            name
            for name, stated in self.named.items()
            if stated.outputs is not None and name not in self.variants and made_from(name, self.variants)
        )

    def of(self, name: str) -> VariantSettings:
        """The settings of `[evaluate.NAME]`, or the defaults if there is no such table."""
        return self.named.get(name, VariantSettings())

    def is_tuned(self, name: str) -> bool:
        """Whether the variant was fine-tuned: as stated, or else by its adapter, its role, its name or its model's name."""
        settings = self.of(name)
        if settings.tuned is not None:
            return settings.tuned
        named = is_tuned_name(name) or (settings.model is not None and is_tuned_name(settings.model))
        return settings.adapter is not None or name == self.candidate or named

    @property
    def contenders(self) -> tuple[str, ...]:
        """The variants that may be the baseline: the stated one, or else all that need no training.

        With only one other variant, `plain` is not a contender: it only shows the effect of the guide.
        """
        if self.baseline != AUTO:
            return (self.baseline,)
        untuned = tuple(name for name in self.variants if name != self.candidate and not self.is_tuned(name))
        others = tuple(name for name in untuned if name != "plain")
        return others if len(others) == 1 else untuned

    def _numbers(self) -> list[str]:
        problems = []
        if isinstance(self.max_new_tokens, int) and self.max_new_tokens < 1:
            problems.append(f'"max_new_tokens" is {self.max_new_tokens}; expected 1 or more, or "auto"')
        if not 0 <= self.temperature <= 2:
            problems.append(f'"temperature" is {self.temperature}; expected 0 to 2')
        if not 1 <= self.samples <= MOST_SAMPLES:
            problems.append(f'"samples" is {self.samples}; expected 1 to {MOST_SAMPLES}')
        if self.samples > 1 and self.temperature == 0 and any(self.of(name).source is None for name in self.variants):
            problems.append(
                f'"samples" is {self.samples}: at "temperature" 0 a model on this machine repeats the same output'
            )
        if self.max_pairs is not None and self.max_pairs < 1:
            problems.append(f'"max_pairs" is {self.max_pairs}; expected 1 or more')
        if not 0 <= self.rivals_time <= MOST_RIVALS_TIME:
            problems.append(f'"rivals_time" is {self.rivals_time:g}; expected 0 to {MOST_RIVALS_TIME}')
        if self.max_cost is not None and not (self.max_cost.is_finite() and self.max_cost > 0):
            problems.append(f'"max_cost" is {self.max_cost}; expected more than 0')
        if not 0 < self.margin < 1:
            problems.append(f'"margin" is {self.margin}; expected a share between 0 and 1, such as 0.03')
        if self.facts_margin is not None and not 0 < self.facts_margin < 1:
            problems.append(f'"facts_margin" is {self.facts_margin}; expected a share between 0 and 1, such as 0.01')
        if self.train_sample < 0:
            problems.append(f'"train_sample" is {self.train_sample}; expected 0 or more')
        return problems

    def _roles(self) -> list[str]:
        problems = []
        if self.baseline == self.candidate:
            problems.append(f'"baseline" and "candidate" are both "{self.baseline}"')
        if len(set(self.variants)) < len(self.variants):
            problems.append('"variants" lists a variant twice')
        if SEARCH in self.variants:
            problems.append(
                f'"variants" lists "{SEARCH}", but [evaluate.{SEARCH}] is for the prompt search; use another name'
            )
        for role in ("baseline", "candidate"):
            name = getattr(self, role)
            if name not in self.variants and not (role == "baseline" and name == AUTO):
                problems.append(
                    f'"{role}" is "{name}", which is not among the variants; {nearest(name, [*self.variants])}'
                )
        if self.candidate in self.variants and not problems and not self.contenders:
            problems.append('no variant can be the baseline; add one to "variants" that is not fine-tuned')
        return problems

    def _tables(self) -> list[str]:
        known = [*self.variants, *GIVEN]
        problems = [
            f'[evaluate."{name}"]: only "outputs" and "repair" can be stated for a rival that Tuneworth makes'
            if made_from(name, self.variants)
            else f"[evaluate.{toml_name(name)}] is not among the variants; {nearest(name, known)}"
            for name in self.named
            if name not in (*known, *self.recorded)
        ]
        for name, stated in self.named.items():
            other = stated.fallback
            if other is not None and (other == name or other not in self.variants):
                problems.append(
                    f'[evaluate.{toml_name(name)}]: "fallback" is "{other}", which is not another variant; '
                    f"{nearest(other, [v for v in self.variants if v != name])}"
                )
        for name in self.variants:
            stated = self.of(name)
            if name not in BUILT_IN and stated == VariantSettings(tuned=stated.tuned, repair=stated.repair):
                problems.append(
                    f'variant "{name}" needs a table [evaluate.{toml_name(name)}] that defines it: guide = "FILE", '
                    'model = "NAME", endpoint = "URL", adapter = "FOLDER" or outputs = "FILE"'
                )
        return problems


def read_evaluate(table: Mapping[str, Any], *, where: str, problems: list[str]) -> EvaluateSettings | None:
    """The settings of a parsed `[evaluate]` table; its sub-tables but `search` are variants by name."""
    named = {key: value for key, value in table.items() if isinstance(value, Mapping) and key != SEARCH}
    plain = {key: value for key, value in table.items() if key not in named}
    divided = divided_names(named, [one.name for one in fields(VariantSettings)], where=where)
    if divided:
        problems += divided.values()
        return None
    settings = with_lines(table, {**plain, "named": with_lines(table, named)} if named else plain)
    return build_settings(EvaluateSettings, settings, where=where, problems=problems)
