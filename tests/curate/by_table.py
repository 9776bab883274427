"""The relations of all pairs of rows by the table of relations, comparing all with all: an oracle for tests."""

import itertools
import json
import random
import re
from collections import Counter
from functools import cache

import numpy as np

from tuneworth.curate import read_frame
from tuneworth.curate.check.facts import field_facts, is_label, text_facts
from tuneworth.curate.match.relations import relate
from tuneworth.curate.read.normal_forms import comparable, comparable_fields

from .by_words import Wordings, mirrored, spoken
from .measured import corpus_of

WORDS = ["red", "green", "blue", "part", "for", "cars", "and", "boats", "with", "a", "handle", "5V", "6V", "USB", "usb"]


@cache
def grams(text):
    return {text[i : i + 5] for i in range(len(text) - 4)} or {text}


def similarity(one, other):
    a, b = grams(one), grams(other)
    return len(a & b) / len(a | b)


def facts(row):
    return text_facts(row["input"]) if row["fields"] is None else field_facts(row["fields"])


def inputs(row):
    return comparable(row["input"]) if row["fields"] is None else comparable_fields(json.loads(row["fields"]))


def table(rows):
    return read_frame(rows).pairs


def related(pairs, threshold=0.8, **options):
    corpus = corpus_of(pairs)
    return relate(corpus, threshold=threshold, rank=np.argsort(corpus.in_order), **options)


def by_hand(pairs, threshold):
    """What each pair of rows is, by the table: the first line that fits."""
    short = [is_label(comparable(text)) for text in pairs["output"]]
    words = 5 if 2 * sum(short) >= len(short) else 2
    rows = [
        (inputs(row), facts(row), comparable(row["output"]), text_facts(row["output"], label_words=words))
        for row in pairs.iter_rows(named=True)
    ]
    answers, different, answered = {}, {}, {}
    for text, stated, output, output_facts in rows:
        answers.setdefault((text, stated), []).append(output)
        different.setdefault(text, set()).add((output, output_facts))
        answered.setdefault(output, set()).add(text)
    replies = {(text, output) for text, _, output, _ in rows}
    of_text = Counter(text for text, _ in replies)
    usual = sum(of_text[text] > 1 for text, _ in replies) >= 0.5 * len(replies)
    classes = sum(len(answered[output]) > 1 for _, output in replies) >= 0.9 * len(replies)
    many = 0 if classes else max(2, 0.005 * len(replies))

    def varied(text):
        return usual or len(different[text]) > 2

    def short(output):
        return is_label(output, words)

    def label(text, output):
        telling = len(answered[output]) >= many or re.search(r"\d", output)
        return short(output) and telling and not (words == 2 and varied(text))

    found, candidates = {"duplicate": set(), "conflict": set(), "alternative": set(), "sibling": set()}, []
    for (i, (a, a_facts, x, x_facts)), (j, (b, b_facts, y, y_facts)) in itertools.combinations(enumerate(rows), 2):
        if similarity(a, b) < threshold:
            continue
        if a != b and (a_facts != b_facts or mirrored(a, answers[a, a_facts], b, answers[b, b_facts])):
            found["sibling"].add((i, j))
            continue
        same = x == y or x_facts == y_facts
        labels = label(a, x) and label(b, y)
        if not same and (labels or similarity(x, y) >= threshold):
            candidates.append(("conflict", i, j, labels))
        elif similarity(x, y) >= threshold:
            candidates.append(("duplicate", i, j, labels))
        else:
            found["alternative"].add((i, j))
    ends = [(rows[i][0], rows[j][0], rows[i][2], rows[j][2]) for _, i, j, _ in candidates]
    asked = Wordings({text for a, b, _, _ in ends if a != b for text in (a, b)})
    empty = _empty(asked, ends)
    repeats = [
        n for n, (a, b, _, _) in enumerate(ends) if candidates[n][0] == "duplicate" and not asked.differ(a, b, empty)
    ]
    said = Wordings({text for n in repeats if ends[n][2] != ends[n][3] for text in ends[n][2:]})
    for n, (kind, i, j, labels) in enumerate(candidates):
        a, b, x, y = ends[n]
        plain = a == b or not (asked.differ(a, b) or asked.turned(a, b)[0])
        if kind == "conflict":
            conflict = (
                plain and (labels or not (short(x) and short(y))) and (not labels or a == b or exact(asked, a, b))
            )
            found["conflict" if conflict else "alternative"].add((i, j))
        elif n not in repeats:
            found["alternative"].add((i, j))
        elif not said.differ(x, y):
            found["duplicate"].add((i, j))
        else:
            conflict = plain and not varied(a) and not varied(b) and (labels or not (short(x) and short(y)))
            conflict = conflict and said.opposed(a, x, y)
            found["conflict" if conflict else "alternative"].add((i, j))
    return found


def exact(wordings, a, b):
    return set(spoken(a)) == set(spoken(b)) and not wordings.turned(a, b)[0]


def _empty(wordings, ends):
    """The differences that say nothing: at least three pairs of texts, and nine in ten of them, have one long output."""
    agree = {}
    for a, b, x, y in ends:
        if a != b:
            agree[frozenset((a, b))] = agree.get(frozenset((a, b)), False) or (x == y and not is_label(x))
    shown = {}
    for pair, agreeing in agree.items():
        if words := wordings.apart(*pair):
            shown.setdefault(words, []).append(agreeing)
    return {words for words, pairs in shown.items() if sum(pairs) >= max(3, 0.9 * len(pairs))}


def as_rows(relations):
    """The same sets of pairs of rows, from the relations of subjects and items."""
    subject, item = relations.subject.tolist(), relations.item.tolist()
    same, siblings = (
        set(zip(p.left.tolist(), p.right.tolist(), strict=True)) for p in (relations.same, relations.siblings)
    )
    duplicates, conflicts = (
        {frozenset(edge) for edge in zip(e.left.tolist(), e.right.tolist(), strict=True)}
        for e in (relations.duplicates, relations.conflicts)
    )
    found = {"duplicate": set(), "conflict": set(), "alternative": set(), "sibling": set()}
    for i, j in itertools.combinations(range(len(subject)), 2):
        ends = (min(subject[i], subject[j]), max(subject[i], subject[j]))
        if ends in siblings:
            found["sibling"].add((i, j))
        elif ends[0] == ends[1] or ends in same:
            edge = frozenset((item[i], item[j]))
            kind = (
                "conflict"
                if edge in conflicts
                else "duplicate"
                if len(edge) == 1 or edge in duplicates
                else "alternative"
            )
            found[kind].add((i, j))
    return found


def sentence(chance, n):
    return " ".join(chance.choices(WORDS, k=n))


def edited(text, chance):
    kind = chance.randint(0, 6)
    if kind < 2:
        return text
    if kind == 2:
        return text.upper()
    if kind == 3:
        return text.replace("5V", "6V", 1)
    if kind == 4:
        return text.replace("USB", "usb", 1)
    return text + chance.choice([".", " x", " 7", "é"])


def rows_of(seed, n, fields=False):
    chance = random.Random(seed)
    rows = []
    for _ in range(n):
        if rows and chance.random() < 0.7:
            row = {key: edited(text, chance) for key, text in chance.choice(rows).items()}
        else:
            row = {"input": sentence(chance, 12), "output": sentence(chance, chance.choice([1, 2, 9]))}
        rows.append(row)
    if fields:
        return [{**r, "input": {"name": r["input"], "size": f"{i % 3}"}} if i % 2 else r for i, r in enumerate(rows)]
    return rows
