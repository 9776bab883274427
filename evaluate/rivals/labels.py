"""The rivals of a label task that need no language model: the most frequent label, and a plain classifier."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from ...style import StyleSchema
from ..outputs.table import OUTPUT_SCHEMA, Raw
from ..results import Way
from ..variants import Variant

MAJORITY: Final = "majority"
CLASSIFIER: Final = "classifier"
_FEATURES = 1 << 17  # hashed words and pairs of words: 0.5 MB of weights for each label
_PENALTY = 1e-5  # of the squared weights, as good as any on intents (77 and 150 labels)
_STEPS = 1_000_000  # of gradient descent, after scikit-learn's advice; in at most 20 passes over the pairs


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
    if len(set(labels)) > 1:
        yield _variant(CLASSIFIER, pairs, _classified(known["input"], labels, pairs["input"]), samples)


def _classified(requests: pl.Series, labels: Sequence[str], asked: pl.Series) -> list[str]:
    """The label of each request by a classifier fitted to the others: one against the rest, by stochastic gradient descent."""
    # A second to import, and only labels need it.
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from sklearn.linear_model import SGDClassifier

    how: dict[str, Any] = {"alternate_sign": False, "norm": None, "dtype": np.float32, "token_pattern": r"(?u)\w+"}
    words = HashingVectorizer(ngram_range=(1, 2), n_features=_FEATURES, **how)
    tf_idf = TfidfTransformer(sublinear_tf=True)
    known = tf_idf.fit_transform(words.transform(requests.fill_null("").to_list()))
    ends: dict[str, Any] = {"max_iter": min(20, -(-_STEPS // len(labels))), "tol": None}
    regression = SGDClassifier(loss="log_loss", alpha=_PENALTY, random_state=0, **ends)
    regression.fit(known, labels)
    return list(map(str, regression.predict(tf_idf.transform(words.transform(asked.fill_null("").to_list())))))


def _variant(name: Way, pairs: pl.DataFrame, outputs: Sequence[str], samples: int) -> Raw:
    nothing = {"input_tokens": 0, "cached_tokens": 0, "output_tokens": 0, "reasoning_tokens": 0, "seconds": 0.0}
    rows = [
        {"id": id, "variant": name, "sample": sample, "output": output, **nothing, "finish_reason": "stop"}
        for id, output in zip(pairs["id"], outputs, strict=True)
        for sample in range(samples)
    ]
    return Raw(Variant(name, "template", way=name), pl.DataFrame(rows, schema=OUTPUT_SCHEMA), fixed_tokens=0)
