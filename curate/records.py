"""What the summary of a curation (curate/summary.json) holds; earlier versions did not count all of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import polars as pl

from ..core import Count, NonNegative, Positive, Proportion, Record, Signed
from ..style import StyleInUse
from .row_records import PersonalData, QualityFinding, ReferenceCheck, Repairs, UnscoredCheck


class Notice(Record):
    """A warning, as a sentence or as a code with a text."""

    code: str
    """Identifier of the warning."""
    text: str
    """Warning as a sentence."""


class Cluster(Record):
    """How a cluster divided the work; omitted if this machine curated."""

    parts: Count
    """Number of parts read."""
    buckets: Positive | None
    """Number of partitions for the exchange of keys."""
    workers: Count | None
    """Number of workers."""
    largest_part: Count
    """Rows of the largest part."""
    peak_bytes: Mapping[str, Count | None]
    """Peak memory of a task of each stage, in bytes, by stage."""


class Outcomes(Record):
    """Number of rows with each outcome, which add up to rows_read."""

    kept: Count
    """Rows kept and assigned to a split."""
    duplicate: Count
    """Rows dropped because they repeat a kept row."""
    conflict: Count
    """Rows set aside because similar inputs with the same facts have different answers."""
    invalid: Count
    """Rows dropped because they break a must rule or cannot be used; in runs of earlier versions also rows dropped by a
    person's decision."""
    leaked: Count
    """Rows dropped because they would repeat a row of another split or join two splits."""
    quarantined: Count
    """Rows set aside for review by a person."""
    decided: Count | None
    """Rows dropped by a person's decision."""

    @property
    def dropped(self) -> int:
        """Number of rows that were not kept."""
        others = (self.duplicate, self.conflict, self.invalid, self.leaked, self.quarantined)
        return sum(others) + (self.decided or 0)


class SplitCounts(Record):
    """Number of kept rows in each split."""

    train: Count
    """Rows in the train split."""
    validation: Count
    """Rows in the validation split."""
    test: Count
    """Rows in the test split."""

    @classmethod
    def of(cls, splits: pl.Series) -> "SplitCounts":
        """The counts of the splits of some rows."""
        return cls(**{name: int((splits == name).sum()) for name in ("train", "validation", "test")})


class CannedOutput(Record):
    """An output shared by several inputs."""

    output: str
    """First 200 characters of the output, with personal data masked."""
    rows: Count
    """Number of rows with this output."""
    inputs: Count
    """Number of distinct inputs with this output."""


class NearDuplicate(Record):
    """Search for pairs of similar texts."""

    threshold: Proportion
    """Similarity at and above which two texts count as similar."""
    method: str
    """Search method: exact or candidates."""
    expected_recall: Proportion | None
    """Expected share of pairs found at the threshold; 1 for an exact search."""
    because: str | None
    """Reason for choosing this method."""
    pairs: Count
    """Number of pairs of rows with similar inputs."""
    largest_bucket: Count | None
    """Number of inputs in the largest candidate bucket; 0 for an exact search."""
    capped_buckets: Count | None
    """Number of candidate buckets too large for all of their pairs to be compared."""
    bands: Count | None = None
    """Number of MinHash bands in the candidates method."""
    rows: Count | None = None
    """Number of MinHash values per band in the candidates method."""


class RelationCounts(Record):
    """Number of similar pairs by their relation."""

    duplicates: Count
    """Pairs of distinct rows with similar inputs and outputs and the same facts."""
    conflicts: Count
    """Pairs of distinct rows with similar inputs and the same facts whose outputs contradict each other."""
    alternatives: Count
    """Pairs of distinct rows with similar inputs and the same facts but different valid outputs."""
    siblings: Count
    """Pairs of distinct inputs that are similar but differ in their facts."""


class EffectiveSplits(Record):
    """Effective number of independent rows in each split."""

    train: NonNegative | None
    """Effective number of independent rows in the train split."""
    validation: NonNegative | None
    """Effective number of independent rows in the validation split."""
    test: NonNegative | None
    """Effective number of independent rows in the test split."""


class EditedReference(Record):
    """One edited reference."""

    row: Positive
    """Row number."""
    id: str
    """Id of the row."""
    who: str
    """The person who edited it; empty if not stated."""
    why: str
    """The person's reason; empty if not stated."""
    when: str
    """Time in UTC (ISO 8601); empty if not stated."""
    before: str
    """The output as it was read."""
    after: str
    """The output that the person wrote."""


class Overrides(Record):
    """Decisions by people that override the rules."""

    applied: Count
    """Number of rows with such a decision."""
    unmatched: Sequence[str | Mapping[str, Any]]
    """Ids of decisions that match no row."""
    changed: Sequence[str]
    """Ids of decisions that do not apply, since the row holds another pair now."""
    edited: SplitCounts | None
    """Number of kept rows in each split whose output a person wrote in place of the one read."""
    references: Sequence[EditedReference]
    """The edited rows of the test split, at most 200, by row number."""


class ThresholdRow(Record):
    """Effect of one threshold."""

    threshold: Proportion
    """Similarity threshold."""
    dropped: Count
    """Number of rows dropped as near duplicates at this threshold, without exact copies."""
    conflicts: Count
    """Number of rows in conflict at this threshold."""
    example: Mapping[str, Any] | None
    """Least similar pair of which a row is dropped; null if none is dropped."""


class ParaphrasePair(Record):
    """A held-out row with its nearest train row."""

    id: str | None = None
    """Id of the held-out row."""
    split: str | None = None
    """Its split."""
    train_id: str | None = None
    """Id of the train row."""
    similarity: float | None = None
    """Cosine of the two inputs."""
    same_output: bool | None = None
    """Whether both have the same output."""


class Paraphrases(Record):
    """Held-out requests that say the same as a training example in other words, by embeddings."""

    model: str | None
    """Name of the embeddings."""
    threshold: Signed | None
    """Cosine above which four in five pairs of requests have the same output of over five words; null if there are too
    few such pairs to tell."""
    same_outputs: Count | None
    """Number of pairs with the same output at or above the threshold."""
    held_out: Count | None
    """Number of held-out rows."""
    close: Count | None
    """Number of held-out rows with a train row at or above the threshold that states no different numbers; null without
    a threshold."""
    tied: Count | None
    """Number of pairs of requests that tie_meaning keeps in one split."""
    rows: Sequence[ParaphrasePair] | None
    """The held-out rows nearest to a train row, at most 20, nearest first."""


class NearestPair(Record):
    """A pair of a held-out row and a train row."""

    id: str
    """Id of the held-out row."""
    train_id: str
    """Id of the train row."""
    similarity: Proportion
    """Similarity of their inputs."""


class AnswersInTest(Record):
    """The same counts over the test rows alone."""

    verbatim: Count
    """Rows whose output is word for word in train."""
    similar: Count
    """Rows whose output is similar to one in train with the same facts."""


class UntiedOutputs(Record):
    """Identical outputs that were not tied, as a component would hold more than a fifth of the rows."""

    outputs: Count
    """Number of such outputs."""
    rows: Count
    """Number of rows that have them."""


class Certificate(Record):
    """Exact search for similarities between the held-out splits (validation and test) and the train split."""

    threshold: Proportion
    """Similarity at and above which two inputs count as similar."""
    pairs_at_or_above: Count
    """Number of similar pairs of a held-out and a train row with the same facts, which must be 0."""
    siblings_tied_from: Proportion | None
    """Similarity from which siblings (similar inputs with different facts) are kept in one split; null if they are not
    tied."""
    siblings_at_or_above: Count
    """Number of similar pairs of a held-out and a train row with different facts."""
    siblings_counted: bool | None = None
    """Whether all of these were counted; if not, there are at least so many."""
    nearest: Sequence[NearestPair]
    """The ten most similar remaining pairs, at most one per held-out input, most similar first."""
    searched_to: Proportion | None
    """Lowest similarity down to which the nearest pairs were searched."""
    outputs_tied: Literal["identical", "identical and similar", "none"] | None
    """Which outputs were kept in one split."""
    outputs_untied: UntiedOutputs | None
    """Identical outputs that were not tied, as a component would hold more than a fifth of the rows."""
    answers_verbatim: Count | None
    """Number of held-out rows whose output of more than five words is word for word that of a train row, as trained on."""
    answers_similar: Count | None
    """Number of held-out rows whose output of more than five words is similar to that of a train row with the same
    facts, and not the same."""
    answers_in_test: AnswersInTest | None
    """The same counts over the test rows alone."""
    labels_in_train: Count | None = None
    """Number of held-out rows whose output of at most five words, such as a label, is also that of a train row; this is
    expected, and counts as no answer in train."""
    answers_remedy: str | None
    """What to set so that no answer of test is in train; null if at most 2% of the test rows have one."""


class MispairedRows(Record):
    """Search for rows whose output fits the request of another row better; the ledger lists them."""

    rows: Count
    """Number of rows listed."""
    by_chance: Count
    """Number of rows without a fault that are listed by chance, about."""
    recall: Proportion
    """Estimated share of outputs swapped at random that would be listed; none is listed below one half."""
    learned: Count
    """Number of pairs learned from; 0 if there are too few to learn."""
    judged: Count
    """Number of rows looked at."""


class Tested(Record):
    """Test rows used in the evaluation."""

    pairs: Count
    """Number of test rows evaluated."""
    of: Count
    """Number of test rows available."""


class Curation(Record):
    """Result of curation, with the content of curate/summary.json."""

    rows_read: Count
    """Number of rows read from the input."""
    outcomes: Outcomes
    """Number of rows with each outcome, which add up to rows_read."""
    splits: SplitCounts | None
    """Number of kept rows in each split."""
    references_failing: SplitCounts | None
    """Number of kept rows whose output breaks a must rule, by split."""
    rules: Mapping[str, Count]
    """Number of rows not kept, by the rule that decided it."""
    distinct_outputs: Count | None
    """Number of distinct outputs among the pairs read, after normalisation."""
    canned_outputs: Sequence[CannedOutput]
    """The ten outputs shared by the most inputs."""
    groups: Count | None
    """Number of groups in the data; null if the data has none."""
    near_duplicate: NearDuplicate
    """Search for pairs of similar texts."""
    relations: RelationCounts
    """Number of similar pairs by their relation."""
    largest_component: Count
    """Number of rows in the largest set of tied rows, which must be in one split."""
    effective_pairs: NonNegative | None
    """Effective number of independent kept rows, given the ties between them; a lower bound."""
    effective_splits: EffectiveSplits | None
    """Effective number of independent rows in each split."""
    test_groups: Count | None = None
    """Number of separate test cases: stated groups, or sets of tied rows; omitted by earlier versions."""
    split_notes: Sequence[str | Mapping[str, Any]]
    """Notes on how the splits were made, such as sizes that could not be met."""
    overrides: Overrides | None
    """Decisions by people that override the rules."""
    threshold_table: Sequence[ThresholdRow] | None
    """Effect of other similarity thresholds; null if not requested."""
    identifiers: Sequence[str]
    """Fields that name an item without describing it, and are therefore ignored when comparing inputs."""
    certificate: Certificate | None
    """Exact search for similarities between the held-out splits (validation and test) and the train split."""
    meaning: Paraphrases | None
    """Held-out requests that say the same as a training example in other words, by embeddings; null if [curate] meaning
    is off."""
    style: StyleInUse | None
    """Style that the rows were checked against; null without one."""
    checks: Mapping[str, ReferenceCheck]
    """Rows that break each check of the style, by check id."""
    fix: Repairs | None
    """Rows kept because their output was repaired by the style, or that would be; null without a style."""
    unscored: Mapping[str, UnscoredCheck]
    """Checks that could not score some rows, by check id."""
    quality: Mapping[str, QualityFinding]
    """Quality problems in the outputs that do not depend on the style, by rule."""
    mispaired: MispairedRows | None = None
    """Rows whose output fits the request of another row better; omitted if they were not looked for."""
    personal_data: PersonalData | None
    """Personal data found in the rows; the values themselves are never stored."""
    shape: str
    """Recognised format of the input, in one line."""
    guide: str | None
    """System message shared by nearly all rows, which is removed from them; null if there is none."""
    files: Sequence[str]
    """Names of the files read."""
    warnings: Sequence[Notice]
    """Warnings about the data."""
    seconds: Mapping[str, NonNegative]
    """Time of each curation step, in seconds."""
    cluster: Cluster | None = None
    """How a cluster divided the work; omitted if this machine curated."""
    lines: Mapping[str, Count] | None = None
    """Number of lines of the files that outlive the run, once it was curated; omitted without them, and by earlier
    versions."""
    parts: Positive | None = None
    """Number of parts that the curate folder is divided into; omitted if it is not divided."""
    tested: Tested | None = None
    """Test rows used in the evaluation."""
