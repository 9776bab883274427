"""The results of a run, whole: results.json."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from ...core import Count, NonNegative, Proportion, Record
from ...curate import Curation
from ...style import StyleInUse
from .comparison import Comparison, Rival, Routing, Slice
from .correctness import Correctness
from .integrity import IntegrityFinding
from .judgements import Judgements
from .money import Money
from .quality import A_GOOD, Good, Quality, Reference, Requests, Share, Speed, Tokens, Way
from .verdict import EarlierVerdict, Gate, Problem, Risk, Verdict

COLLECTED = "tuneworth evaluate --pairs"  # the command that judges outputs of other tools


class MoneyPlace(NamedTuple):
    """The file in which a run's prices and volume are stated, and the command that applies it."""

    file: str
    command: str


class HostedTraining(Record):
    """A training at a provider: its name, the base and the tuned model there, the job and what it cost."""

    provider: str
    """Provider, as the command names it."""
    title: str
    """Provider, as texts name it."""
    model: str
    """Base model."""
    tuned_model: str | None
    """Name of the tuned model at the provider."""
    job: str
    """Identifier of the job."""
    endpoint: str | None = None
    """Address of the provider's chat API."""
    cost: NonNegative | None
    """Cost of the job; null if the provider stated neither a cost nor tokens."""
    currency: str
    """Currency of the cost."""
    cost_source: str | None = None
    """Where the cost comes from."""
    estimated_at_most: NonNegative | None = None
    """Limit of the cost as it was said before anything was sent."""
    preset: str | None = None
    """Preset of [roi.tuned] for the machine that serves the tuned model; null if it is billed by the token."""
    adapter: str | None = None
    """Folder of the fetched adapter; null if the provider gives none."""


class PairLoss(Record):
    """A train pair with a high loss."""

    id: str
    """Id of the pair."""
    loss: float | None
    """Loss per learnt token when the pair was last seen."""
    first_loss: float | None
    """Loss per learnt token when the pair was first seen."""
    tokens: Count
    """Number of tokens in its output."""


class LogStep(Record):
    """Log entry of one step."""

    step: Count
    """Step number."""
    epoch: NonNegative | None
    """Number of epochs completed at this step, as a fraction."""
    train_loss: float | None
    """Train loss of this step per learnt token; null if not finite."""
    mean_train_loss: float | None = None
    """Mean train loss over this step and the steps omitted before it."""
    validation_loss: float | None
    """Validation loss per learnt token; null if not measured at this step or not finite."""
    learning_rate: NonNegative | None
    """Learning rate of this step."""
    gradient_norm: NonNegative | None
    """Norm of the gradient before clipping; null if not finite."""
    seconds: NonNegative | None = None
    """Seconds since the start of training."""
    tokens: Count | None = None
    """Number of tokens trained on so far."""


class Training(Record):
    """Result of training, with the content of train/summary.json and its log."""

    tokens: Count | None = None
    """Tokens of prompt and output in all training steps, every epoch counted."""
    tokens_per_second: NonNegative | None
    """Training speed over all steps, in tokens of prompt and output per second."""
    steps: Count | None = None
    """Number of optimizer steps."""
    seconds: NonNegative | None
    """Duration of the training, in seconds."""
    train_loss: float | None
    """Mean train loss per learnt token over the steps of the last epoch."""
    validation_loss: float | None
    """Lowest validation loss per learnt token; null if it was not measured."""
    best_step: Count | None
    """Step whose adapter was kept."""
    trainable_parameters: Count | None = None
    """Number of trainable parameters."""
    peak_memory_bytes: Count | None
    """Peak memory use, in bytes."""
    stopped_early: bool | None = None
    """Whether training stopped before its last planned step because the validation loss no longer improved."""
    skipped_steps: Count | None = None
    """Number of steps skipped because their loss or gradient was not a finite number."""
    dtype: str | None = None
    """Number format of the model, such as bf16."""
    threads: Count | None
    """Number of CPU threads."""
    train_pairs: Count
    """Number of pairs trained on."""
    validation_pairs: Count
    """Number of pairs used to measure the validation loss."""
    longest_tokens: Count | None
    """Number of tokens in the longest pair."""
    device: str | None = None
    """Device used for training."""
    processes: Count | None = None
    """Number of training processes."""
    epochs: NonNegative | None = None
    """Number of epochs trained."""
    hosted: HostedTraining | None = None
    """A training at a provider: its name, the base and the tuned model there, the job and what it cost."""
    settings: Mapping[str, Any]
    """Training settings used, with defaults filled in."""
    highest_losses: Sequence[PairLoss] | None = None
    """Train pairs with the highest loss, highest first."""
    notices: Sequence[str]
    """Notices about the training."""
    dropped_pairs: Count
    """Number of pairs dropped because they are longer than the model's context."""
    by_rule: Sequence[str] | None
    """Settings that were not stated and that Tuneworth chose by a rule."""
    log: Sequence[LogStep]
    """Training log by step, thinned if it is long."""


class CurveFit(Record):
    """Fitted curve for the share that is not acceptable with n train pairs: e + b n^-c; null with fewer than three
    sizes."""

    e: float
    """Share of failures that remains with any number of train pairs."""
    b: float
    """Reducible share of failures at one train pair."""
    c: float
    """Exponent of the decline."""


class Gain(Record):
    """Expected gain in the acceptable share, with its 95% interval."""

    value: float
    """Expected gain, as a share."""
    low: float
    """Lower end of the 95% interval."""
    high: float
    """Upper end of the 95% interval."""


class Doubling(Record):
    """Expected effect of doubling the number of train pairs; null with fewer than three sizes."""

    to: Count
    """Doubled number of train pairs."""
    gain: Gain
    """Expected gain in the acceptable share, with its 95% interval."""


class LearningCurve(Record):
    """Quality of models trained on growing parts of the train pairs."""

    sizes: Sequence[Count]
    """Numbers of train pairs, in ascending order."""
    pairs: Count
    """Number of test pairs scored for all models."""
    acceptable: Sequence[Share]
    """Acceptable share of each model, in the order of sizes."""
    good: Good = "acceptable"
    """What outputs are called that count: correct if all must rules compare with references."""
    fit: CurveFit | None
    """Fitted curve for the share that is not acceptable with n train pairs: e + b n^-c; null with fewer than three
    sizes."""
    doubling: Doubling | None
    """Expected effect of doubling the number of train pairs; null with fewer than three sizes."""
    sentence: str
    """Result as a sentence."""
    evidence: str | None = None
    """What the curve was fitted to."""
    seconds: NonNegative | None = None
    """Time to train and evaluate the models, in seconds."""


class SearchCost(Record):
    """What the search for its prompt took; only for the variant searched."""

    calls: Count
    """Number of outputs and reflections."""
    tokens: Count | None
    """Their tokens, sent and generated; null if an endpoint did not count them."""
    cost: NonNegative | None
    """What they cost; null if a price is unknown."""
    currency: str
    """Currency of the cost."""
    seconds: NonNegative
    """Sum of their seconds."""


OutputSource = Literal["base model", "adapter", "endpoint", "outputs", "template", "variants"]


TemplateKind = Literal["stated", "rule", "learnt", "fields"]


class Skeleton(Record):
    """Text of a template with places in braces: a field of the request, which part of it, and how it is written."""

    text: str
    """Literal text and places, such as {price: value 1, as 1,234.5}."""
    share: Proportion | None
    """Share of the train outputs that have this form; null for a template that was not learnt from them."""


class TemplateFacts(Record):
    """Template of a variant without a model."""

    kind: TemplateKind
    """Where it comes from: the project, a rule of the style, train outputs, or no more than the fields in their order."""
    skeletons: Sequence[Skeleton]
    """Its most frequent forms, none that fewer than three train outputs have; which one a request gets depends on its
    fields."""
    tried: Count = 0
    """Number of train outputs that were held back from the template learnt."""
    exact: Proportion | None = None
    """Share of them that it wrote word for word; from 0.9, outputs follow a template."""
    sure: Proportion | None = None
    """Share of the test requests for which it is at least 97% sure to write what people would."""


class VariantRecord(Record):
    """Configuration of one variant."""

    source: OutputSource
    """Source of the outputs."""
    way: Way
    """How its outputs come about beyond the plain call of a model."""
    of: Sequence[str]
    """Variants that its outputs are made from: one for repair or retry, two for a cascade."""
    model: str | None
    """Name of the model; null if unknown."""
    endpoint: str | None
    """URL of the endpoint, without credentials; null if it does not use one."""
    tuned: bool
    """Whether the model is fine-tuned."""
    repair: Literal["off", "safe", "unsafe"]
    """How its outputs were repaired by the style before they were scored."""
    guide: str | None
    """Author of the guide in its prompt; null if it has no guide."""
    guide_tokens: Count | None
    """Number of tokens in the guide."""
    guide_cut: bool | None = None
    """Whether the guide was cut off."""
    few_shot: Count
    """Number of worked examples in the prompt."""
    settings: Mapping[str, Any] | None
    """Generation settings requested; null for collected outputs."""
    refused_settings: Sequence[str]
    """Settings that the endpoint refused."""
    doubtful_counts: str | None
    """Why the endpoint's token counts cannot be true and are left out; null if they can, or there are none."""
    file: str | None
    """Name of the file with its collected outputs; null for other sources."""
    search: SearchCost | None = None
    """What the search for its prompt took; only for the variant searched."""
    template: TemplateFacts | None = None
    """Its template; only for a variant that fills one in."""


class InputFile(Record):
    """A file that was read."""

    path: str
    """Path relative to the project, or the name alone for a file outside it."""
    role: str | None
    """Role of the file: pairs, project, style, guide, money, or outputs of NAME."""
    sha256: str | None
    """SHA-256 hash of the file; for a folder, of the names and hashes of its files."""


class ModelFacts(Record):
    """Base model."""

    name: str
    """Name of the base model."""
    sha256: str | None
    """SHA-256 hash of its weights."""
    licence: str | None
    """Licence of the base model."""
    dtype: str | None
    """Number format of the weights."""
    quantised: bool | None = None
    """Whether the weights are quantised to 4 bits."""


class Provenance(Record):
    """Environment and inputs of the run."""

    versions: Mapping[str, str | None]
    """Versions of Python and packages, by name."""
    seed: Count | None
    """Seed of all random choices."""
    inputs: Sequence[InputFile] | None
    """Files read."""
    hardware: Mapping[str, Any] | None
    """Processor, cores, memory and operating system of the machine."""
    seconds: Mapping[str, NonNegative] | None
    """Time of each stage, in seconds."""
    test_set_used: Count | None
    """Number of runs in the same folder that used this test set, including this one."""
    command: str | None
    """Command that started the run."""
    model: ModelFacts | str | None
    """Base model; null if nothing was trained."""


class Results(Record):
    """Results of a run, stored as results.json."""

    schema: Literal["tuneworth/results/1"]
    """Name and version of this format."""
    project: str
    """Name of the project."""
    created: str
    """Start time of the run, in ISO 8601 format."""
    verdict: Verdict | None
    """Decision on whether to fine-tune, with its reasons; null if fewer than two variants were scored."""
    good: Good = "acceptable"
    """What an output is called that breaks no must rule: correct if the references alone decide that for every output of
    every variant, so that the shares acceptable and correct are the same."""
    quality: Mapping[str, Quality]
    """Scores of each variant, by variant name."""
    reference: Reference | None
    """Scores of the reference outputs under the same rules; null if no reference could be scored."""
    requests: Requests | None = None
    """How the requests of the test pairs repeat; results of earlier versions do not have it."""
    correctness: Correctness | None = None
    """How often the outputs are right, by class or field; omitted unless a must rule compares them with references."""
    integrity: Sequence[IntegrityFinding] = ()
    """Outputs that are not whole answers of their variant to their own requests, and test pairs left out; results of earlier
    versions do not have it."""
    comparison: Comparison | None
    """Paired comparison of the candidate with the baseline; null if either is missing."""
    guide_comparison: Comparison | None = None
    """Paired comparison of the baseline (as the candidate) with the plain variant (as the baseline), which shows
    whether the guide has an effect."""
    rivals: Sequence[Rival]
    """Every way without training that the candidate has to stand against, the cheapest first, then those that were not
    measured."""
    tokens: Mapping[str, Tokens]
    """Mean tokens per request, by variant name; counts that are unknown are null."""
    seconds: Mapping[str, Speed]
    """Seconds per output, by variant name; values are null if time was not measured."""
    slices: Sequence[Slice] = ()
    """The candidate against each rival in parts of the requests, the worst first; see docs/verdict.md."""
    routing: Routing | None = None
    """What sending some parts to a rival gives; omitted if the candidate is surely worse in none that requests show."""
    money: Money | None
    """Costs, savings and payback of the candidate compared with the baseline; null without [roi] settings or without a
    comparison."""
    risks: Sequence[Risk]
    """Risks of the tuned model."""
    data: Curation | None
    """Result of curation, with the content of curate/summary.json; null if the run has no curated data."""
    training: Training | None
    """Result of training, with the content of train/summary.json and its log; null if nothing was trained."""
    learning_curve: LearningCurve | None
    """Quality of models trained on growing parts of the train pairs; null if not requested."""
    style: StyleInUse | None
    """Style that the outputs were checked against."""
    variants: Mapping[str, VariantRecord]
    """Configuration of each variant, by variant name."""
    validity: Sequence[Problem]
    """Problems that make the comparison invalid regardless of the outputs."""
    gates: Sequence[Gate] | None
    """Conditions given with --gate; null if there are none."""
    verdicts: Sequence[EarlierVerdict]
    """Earlier verdicts of the run, the oldest first."""
    judgements: Judgements | None = None
    """Blind judgements by people of the baseline and the candidate; present after `tuneworth report --judgements`."""
    provenance: Provenance | None
    """Environment and inputs of the run."""

    @property
    def compared(self) -> Comparison:
        """The comparison, where there must be one."""
        if self.comparison is None:
            raise ValueError("no two variants were compared")
        return self.comparison

    @property
    def money_place(self) -> MoneyPlace:
        """The project's file; for outputs collected without a project that of `--money`, which may still be written."""
        files = {} if self.provenance is None else {file.role: file.path for file in self.provenance.inputs or ()}
        if "money" in files:
            return MoneyPlace(files["money"], "tuneworth roi RUN")
        if "project" in files or self.provenance is None or self.provenance.command != COLLECTED:
            return MoneyPlace("tuneworth.toml", "tuneworth roi")
        return MoneyPlace("money.toml", "tuneworth roi RUN --config money.toml")

    def share_of(self, name: str) -> float | None:
        """A variant's acceptable share; None if it was not scored."""
        scored = self.quality.get(name)
        return None if scored is None else scored.acceptable.share

    @property
    def a_good(self) -> str:
        """`good` with its article."""
        return A_GOOD[self.good]

    def rival(self, name: str) -> Rival | None:
        """The row of a rival."""
        return next((row for row in self.rivals if row.name == name), None)
