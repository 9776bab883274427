"""Cases for benchmarks/tasks.py: pairs, the outputs of two variants, and what is known of each output without Tuneworth."""

import csv
import json
import random
import re
import shutil
import sqlite3
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

# Table 12 of LoRA Land (arXiv 2405.00732v1), all rows whose metric is accuracy: the better of GPT-3.5-Turbo and GPT-4,
# prompted, and the best of ten 7B or smaller models, tuned with LoRA. Labels are those of the report's prompts.
NUMBERS = "number"
LORA_LAND: list[tuple[str, float, float, str]] = [
    ("boolq", 0.911, 0.909, "yes no"),
    ("dbpedia", 0.965, 0.988, "Company EducationalInstitution Artist Athlete OfficeHolder MeanOfTransportation Building "
     "NaturalPlace Village Animal Plant Album Film WrittenWork"),
    ("customer_support", 1.0, 1.0, "card transfer balance checks bill password appointment hours none"),
    ("glue_qnli", 0.902, 0.931, "0 1"),
    ("mmlu", 0.774, 0.589, "A B C D"),
    ("winogrande", 0.832, 0.840, "1 2"),
    ("arc_combined", 0.947, 0.915, "A B C D"),
    ("glue_cola", 0.864, 0.872, "0 1"),
    ("glue_mnli", 0.803, 0.899, "entailment neutral contradiction"),
    ("glue_mrpc", 0.777, 0.887, "0 1"),
    ("glue_qqp", 0.841, 0.883, "0 1"),
    ("glue_sst2", 0.942, 0.961, "0 1"),
    ("glue_wnli", 0.930, 0.873, "0 1"),
    ("covid", 0.334, 0.843, "ExtremelyPositive Positive Neutral Negative ExtremelyNegative"),
    ("hellaswag", 0.805, 0.834, "0 1 2 3"),
    ("jigsaw", 0.754, 0.867, "yes no"),
    ("gsm8k", 0.622, 0.569, NUMBERS),
]  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Pairs and two variants' outputs, with what is known of each output by other means than Tuneworth."""

    task: str
    check: str
    """The style's one rule, as YAML."""
    pairs: Sequence[dict[str, Any]]
    outputs: dict[str, list[str]]
    right: dict[str, list[bool]]
    folder: Path | None = None
    """Where a file that the rule names lies."""
    oracle: Callable[["Case", Any], None] = lambda case, results: None
    """Asserts on the scores by class or field."""
    names: str = "planted"

    def share(self, variant: str) -> float:
        return sum(self.right[variant]) / len(self.right[variant])


def marked(rng: random.Random, n: int, share: float) -> list[bool]:
    """Exactly this share of n outputs is right, at random places."""
    wrong = set(rng.sample(range(n), n - round(share * n)))
    return [place not in wrong for place in range(n)]


def labelled(
    task: str,
    rows: Sequence[tuple[str, str]],
    shares: tuple[float, float],
) -> Case:
    """Labels, of which so many are another of the labels; every tenth right one in capitals, every twentieth wrong one none."""
    rng, labels = random.Random(task), sorted({label for _, label in rows})
    right = {name: marked(rng, len(rows), share) for name, share in zip(("prompted", "tuned"), shares, strict=True)}

    def text(place: int, good: bool) -> str:
        label = rows[place][1]
        if good:
            return label.upper() if place % 10 == 0 else label
        return "I cannot tell" if place % 20 == 0 else rng.choice([other for other in labels if other != label])

    outputs = {name: [text(place, good) for place, good in enumerate(marks)] for name, marks in right.items()}
    pairs = [{"id": n, "input": request, "output": label} for n, (request, label) in enumerate(rows)]
    return Case(task, "{kind: label}", pairs, outputs, right, oracle=labels_agree)


def labels_agree(case: Case, results: dict[str, Any]) -> None:
    """scikit-learn's accuracy, scores by class, macro-F1 and confusion matrix are those in results.json."""
    wanted = [pair["output"] for pair in case.pairs]
    classes = sorted(set(wanted))
    by_small = {label.lower(): label for label in classes}
    for variant, texts in case.outputs.items():
        named = [by_small.get(text.lower(), "none of them") for text in texts]
        scores = results["correctness"]["variants"][variant]
        assert scores["accuracy"]["share"] == accuracy_score(wanted, named)
        found = precision_recall_fscore_support(wanted, named, labels=classes, zero_division=0)
        by_name = {score["name"]: score for score in scores["classes"]}
        for label, precision, recall, f1, support in zip(classes, *found, strict=True):
            score = by_name[label]
            shown = (score["precision"]["share"] or 0, score["recall"]["share"], score["f1"], score["support"])
            assert all(
                abs(one - other) < 1e-9 for one, other in zip(shown, (precision, recall, f1, support), strict=True)
            )
        macro = f1_score(wanted, named, labels=classes, average="macro", zero_division=0)
        assert abs(scores["macro_f1"] - macro) < 1e-9
        every = [*classes, "none of them"]
        counts = {(cell["reference"], cell["output"] or "none of them"): cell["n"] for cell in scores["confusion"]}
        for label, row in zip(every, confusion_matrix(wanted, named, labels=every), strict=True):
            assert [counts.get((label, other), 0) for other in every] == list(row)


def lora_land(task: str, prompted: float, tuned: float, labels: str) -> Case:
    """A row of the published table, with a thousand requests, so that three decimals are exact."""
    n, rng = 1000, random.Random(task)
    if labels != NUMBERS:
        rows = [(f"{task}: request {place}", rng.choice(labels.split())) for place in range(n)]
        return labelled(task, rows, (prompted, tuned))
    right = {name: marked(rng, n, share) for name, share in (("prompted", prompted), ("tuned", tuned))}
    answers = [rng.randrange(2, 20_000) for _ in range(n)]
    pairs = [{"id": p, "input": f"request {p}", "output": f"{a - 1} + 1 = {a}"} for p, a in enumerate(answers)]
    outputs = {
        name: [
            f"That makes {a if good else a + rng.choice((1, 9, 100)):,}.0"
            for a, good in zip(answers, marks, strict=True)
        ]
        for name, marks in right.items()
    }
    return Case(task, "{kind: final_answer, take: last_number, tolerance: 0}", pairs, outputs, right)


def csv_rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def sample(rows: list[Any], n: int) -> list[Any]:
    """At most n rows, of each request one."""
    different = list({row[0].strip().casefold(): row for row in rows}.values())
    return random.Random(0).sample(different, min(n, len(different)))


def banking77(path: Path) -> Iterator[Case]:
    yield labelled("banking77, 77 labels", sample(csv_rows(path), 1000), (0.66, 0.94))
    yield labelled("banking77, the worse model tuned", sample(csv_rows(path), 1000), (0.94, 0.66))


def clinc(path: Path) -> Iterator[Case]:
    rows = sample(csv_rows(path), 1500)
    yield labelled(f"CLINC, {len({row[1] for row in rows})} labels", rows, (0.88, 0.886))


# --- records ------------------------------------------------------------------------------------------------------


def flat(record: dict[str, Any], at: str = "") -> dict[str, str]:
    parts = [flat(v, f"{at}{k}.") if isinstance(v, dict) else {f"{at}{k}": str(v)} for k, v in record.items()]
    return {name: value for part in parts for name, value in part.items()}


def fields_agree(read: Callable[[str], dict[str, str]], case: Case, results: dict[str, Any]) -> None:
    """Support, found and right of each field, and the precision and recall of scikit-learn on (field, value) pairs."""
    wanted = [read(pair["output"]) for pair in case.pairs]
    for variant, texts in case.outputs.items():
        given = [read(text) for text in texts]
        names = sorted({name for record in (*wanted, *given) for name in record})
        scores = {score["name"]: score for score in results["correctness"]["variants"][variant]["fields"]}
        assert set(scores) == set(names), set(scores) ^ set(names)
        for name in names:
            cells = [(w.get(name), g.get(name)) for w, g in zip(wanted, given, strict=True)]
            truth = [w is not None for w, g in cells] + [
                False for w, g in cells if g is not None and w is not None and w != g
            ]
            found = [g is not None and g == w for w, g in cells]
            found = [f or (w is None and g is not None) for f, (w, g) in zip(found, cells, strict=True)]
            found += [True] * (len(truth) - len(found))
            precision, recall, _, _ = precision_recall_fscore_support(truth, found, average="binary", zero_division=0)
            score = scores[name]
            assert abs((score["precision"]["share"] or 0) - precision) < 1e-9, (name, score, precision)
            assert abs((score["recall"]["share"] or 0) - recall) < 1e-9, (name, score, recall)


def swapped(rng: random.Random, record: dict[str, str], others: Sequence[str]) -> dict[str, str] | None:
    """Two values exchanged, or one replaced by another row's; None if that changes nothing."""
    names = list(record)
    changed = dict(record)
    if len(names) > 1 and rng.random() < 0.5:
        one, other = rng.sample(names, 2)
        changed[one], changed[other] = record[other], record[one]
    elif names:
        name = rng.choice(names)
        changed[name] = rng.choice(others)
    return changed if changed != record else None


def snips(path: Path) -> Iterator[Case]:
    for intent, shares in (("BookRestaurant", (0.957, 0.677)), ("PlayMusic", (0.93, 0.71))):
        rows = [row for row in csv_rows(path) if json.loads(row[1])["intent"] == intent and json.loads(row[1])["slots"]]
        yield intents(intent, sample(rows, 300), shares)


def intents(intent: str, rows: Sequence[Sequence[str]], shares: tuple[float, float]) -> Case:
    rng = random.Random(intent)
    values = sorted({value for _, text in rows for value in json.loads(text)["slots"].values()})
    right = {name: marked(rng, len(rows), share) for name, share in zip(("prompted", "tuned"), shares, strict=True)}

    def text(place: int, good: bool) -> str:
        record = json.loads(rows[place][1])
        if good:  # the same record, written in another order
            return json.dumps({"slots": dict(reversed(record["slots"].items())), "intent": record["intent"]}, indent=1)
        changed = None
        while changed is None:
            changed = swapped(rng, record["slots"], values)
        return json.dumps(record | {"slots": changed}, ensure_ascii=False)

    outputs = {name: [text(place, good) for place, good in enumerate(marks)] for name, marks in right.items()}
    pairs = [{"id": n, "input": row[0], "output": row[1]} for n, row in enumerate(rows)]

    def oracle(case: Case, results: dict[str, Any]) -> None:
        fields_agree(lambda text: flat(json.loads(text)), case, results)

    return Case(f"snips {intent}, JSON", "{kind: same_fields}", pairs, outputs, right, oracle=oracle)


def e2e(path: Path) -> Iterator[Case]:
    """Twice: the attributes from a text, and the text from the attributes with its several references."""
    rows = csv_rows(path)

    def read(text: str) -> dict[str, str]:
        return dict(re.findall(r"(\w[\w ]*)\[([^\]]*)\]", text))

    rng, some = random.Random(1), sample([(text, mr) for mr, text in rows], 1000)
    values = sorted({value for _, mr in some for value in read(mr).values()})
    right = {"prompted": marked(rng, len(some), 0.81), "tuned": marked(rng, len(some), 0.86)}

    def record(place: int, good: bool) -> str:
        fields, changed = read(some[place][1]), None
        if good:
            changed = dict(rng.sample(sorted(fields.items()), len(fields)))
        while changed is None:
            changed = swapped(rng, fields, values)
        return ", ".join(f"{name}[{value}]" for name, value in changed.items())

    outputs = {name: [record(place, good) for place, good in enumerate(marks)] for name, marks in right.items()}
    pairs = [{"id": n, "input": text, "output": mr} for n, (text, mr) in enumerate(some)]
    yield Case(
        "E2E, attributes from a text", "{kind: same_fields}", pairs, outputs, right,
        oracle=lambda case, results: fields_agree(read, case, results),
    )  # fmt: skip

    texts: dict[str, list[str]] = defaultdict(list)
    for mr, text in rows:
        texts[mr].append(text)
    several = [(mr, found) for mr, found in texts.items() if len(set(found)) > 2]
    pairs = [
        {"id": n, "input": mr, "output": found[0], "references": found[:-1]} for n, (mr, found) in enumerate(several)
    ]
    outputs = {
        "prompted": [found[-1] for _, found in several],
        "tuned": [rng.choice(several)[1][-1] if rng.random() < 0.4 else found[-1] for _, found in several],
    }
    most = max(len(pair["references"]) for pair in pairs)
    yield Case(
        f"E2E, a text, 2 to {most} references", "{kind: similar, measure: token_f1, at_least: 0.6}", pairs, outputs,
        {name: [max(words_f1(text, one) for one in pair["references"]) >= 0.6
                for text, pair in zip(written, pairs, strict=True)] for name, written in outputs.items()},
        names="another person's text; of the tuned, 40% another request's",
    )  # fmt: skip


def words_f1(output: str, reference: str) -> float:
    given, wanted = output.lower().split(), reference.lower().split()
    shared = sum(min(given.count(word), wanted.count(word)) for word in set(given))
    return 2 * shared / (len(given) + len(wanted))


# --- SQL and answers ----------------------------------------------------------------------------------------------


def geography(path: Path, database: Path) -> Iterator[Case]:
    yield queries("GeoQuery, SQL on its database", path, database, (0.62, 0.81))


def unopened(path: Path, database: Path) -> Iterator[Case]:
    yield queries("Restaurants, SQL on its database (unopened)", path, database, (0.70, 0.85))
    with tempfile.TemporaryDirectory() as folder:
        renamed = Path(folder, database.name)
        shutil.copyfile(database, renamed)
        base = sqlite3.connect(renamed)
        base.execute("ALTER TABLE RESTAURANT RENAME COLUMN RESTAURANT_ID TO ID")  # as the queries have it
        base.close()
        yield queries("Restaurants, its key renamed as the queries have it", path, renamed, (0.70, 0.85))


def queries(task: str, path: Path, database: Path, shares: tuple[float, float]) -> Case:
    """Right ones with other aliases and spaces; wrong ones are another request's, every fifth with an unknown column.

    Truth is what sqlite3 returns: another request's query may give the same rows.
    """
    rng, base = random.Random(task), sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    rows = [(question, sql) for question, sql in sample(csv_rows(path), 400) if rows_of(base, sql) is not None]
    wished = {name: marked(rng, len(rows), share) for name, share in zip(("prompted", "tuned"), shares, strict=True)}

    def text(place: int, good: bool) -> str:
        if good:
            return " ".join(re.sub(r"alias(\d)", r"_\1", rows[place][1]).replace(";", "").split())
        if place % 5 == 0:
            return rows[place][1].replace("SELECT", "SELECT nowhere ,", 1)
        return rng.choice(rows)[1]

    outputs = {name: [text(place, good) for place, good in enumerate(marks)] for name, marks in wished.items()}
    right = {
        name: [same_rows(base, sql, row[1]) for sql, row in zip(written, rows, strict=True)]
        for name, written in outputs.items()
    }
    pairs = [{"id": n, "input": question, "output": sql} for n, (question, sql) in enumerate(rows)]
    check = f"{{kind: same_result, database: {database.name}}}"
    return Case(task, check, pairs, outputs, right, folder=database.parent, names="planted, counted by sqlite3")


def rows_of(base: sqlite3.Connection, sql: str) -> list[tuple[Any, ...]] | None:
    try:
        return base.execute(sql).fetchall()
    except sqlite3.Error:
        return None


def same_rows(base: sqlite3.Connection, output: str, reference: str) -> bool:
    one, other = rows_of(base, output), rows_of(base, reference)
    if one is None or other is None:
        return False
    return one == other if "ORDER BY" in reference.upper() else Counter(one) == Counter(other)


def gsm8k(path: Path) -> Iterator[Case]:
    """Real outputs of four models on the 1,319 test questions, marked by the authors (their final answer is the reference's)."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    pairs = [{"id": n, "input": row["question"], "output": row["ground_truth"]} for n, row in enumerate(rows)]
    for first, second in (("6b_finetuning", "175b_verification"), ("175b_verification", "6b_finetuning")):
        models = {"prompted": first, "tuned": second}
        yield Case(
            f"GSM8K, {first} → {second}", "{kind: final_answer, take: last_number, tolerance: 0}", pairs,
            {name: [row[model]["solution"] for row in rows] for name, model in models.items()},
            {name: [row[model]["is_correct"] for row in rows] for name, model in models.items()},
            names="the models' own, marked by the authors",
        )  # fmt: skip


READERS: dict[str, Callable[..., Iterator[Case]]] = {
    "banking77": banking77, "clinc": clinc, "snips": snips, "e2e": e2e, "gsm8k": gsm8k, "geography": geography,
    "unopened": unopened,
}  # fmt: skip
