"""The rivals of a label task that need no language model: the most frequent label, and a plain classifier."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from ...style import StyleSchema
from ..outputs.table import OUTPUT_SCHEMA, Raw
from ..results import Way
from ..variants import Variant

MAJORITY: Final = "majority"
CLASSIFIER: Final = "classifier"
_MOST_WEIGHTS = 3_000_000  # of the regression: features times labels, 24 MB in each of the solver's twenty vectors
_MOST_FEATURES = 50_000


def label_rivals(pairs: pl.DataFrame, train: pl.DataFrame | None, style: StyleSchema, *, samples: int) -> Iterator[Raw]:
    """`majority` and `classifier` as variants; none unless a must rule compares labels, or without train outputs.

    The classifier is a logistic regression on TF-IDF of words and pairs of words (scikit-learn), fitted to the train pairs.
    """
    if not any(check.kind == "label" and check.level == "must" for check in style.checks) or train is None:
        return
    known = train.filter(pl.col("output").fill_null("").str.strip_chars() != "")
    labels = known["output"].str.strip_chars().to_list()
    if not labels:
        return
    most = min(Counter(labels).items(), key=lambda each: (-each[1], each[0]))[0]
    yield _variant(MAJORITY, pairs, [most] * len(pairs), samples)
    if len(set(labels)) > 1 and (found := _classified(known["input"], labels, pairs["input"])) is not None:
        yield _variant(CLASSIFIER, pairs, found, samples)


def _classified(requests: pl.Series, labels: Sequence[str], asked: pl.Series) -> list[str] | None:
    """The label of each request by a classifier fitted to the others; None if no request has a word."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # a second to import, and only labels need it
    from sklearn.linear_model import LogisticRegression

    most = min(_MOST_FEATURES, max(_MOST_WEIGHTS // len(set(labels)), 1_000))
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=most, token_pattern=r"(?u)\w+")
    try:
        known = words.fit_transform(requests.fill_null("").to_list())
    except ValueError:  # an empty vocabulary
        return None
    regression = LogisticRegression(C=10.0, max_iter=300)
    regression.fit(known, labels)
    return list(map(str, regression.predict(words.transform(asked.fill_null("").to_list()))))


def _variant(name: Way, pairs: pl.DataFrame, outputs: Sequence[str], samples: int) -> Raw:
    nothing = {"input_tokens": 0, "cached_tokens": 0, "output_tokens": 0, "reasoning_tokens": 0, "seconds": 0.0}
    rows = [
        {"id": id, "variant": name, "sample": sample, "output": output, **nothing, "finish_reason": "stop"}
        for id, output in zip(pairs["id"], outputs, strict=True)
        for sample in range(samples)
    ]
    return Raw(Variant(name, "template", way=name), pl.DataFrame(rows, schema=OUTPUT_SCHEMA), fixed_tokens=0)
