"""Runs in which a rule compares outputs with references: labels, fields and numbers, of known shares."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tuneworth.cli import main


@dataclass(frozen=True)
class Answers:
    """A rule, a reference for each request, and the outputs of two variants."""

    rule: str
    right: Sequence[str]
    prompted: Callable[[int, str], str]
    tuned: Callable[[int, str], str]
    request: str = "message number {} of a customer"


NAMES = ("account", "card", "delivery", "invoice", "login", "other", "payment", "refund", "returns", "voucher")


def _label(wrong: int, none: int, long: int) -> Callable[[int, str], str]:
    def said(n: int, right: str) -> str:
        if n % wrong == 0:
            return NAMES[(NAMES.index(right) + 1 + n % 2) % len(NAMES)]
        return "I am not sure" if n % none == 1 else f"the label is {right}" if n % long == 2 else right

    return said


LABELS = Answers(
    "{kind: label, text_around: allowed}", [NAMES[n * n % 7 if n % 3 else n % 10] for n in range(240)],
    _label(10, 50, 9), _label(14, 50, 7),
)  # fmt: skip


def _record(n: int, right: str) -> str:
    record = json.loads(right)
    if n < 30:
        record["seats"] += 1
    elif n < 42:
        del record["seats"]
    elif n < 48:
        record["time"] = "noon"
    return json.dumps(record)


FIELDS = Answers(
    "{kind: same_fields}", [json.dumps({"city": f"Town{n}", "seats": n % 5 + 1}) for n in range(120)],
    lambda n, right: json.dumps(json.loads(right) | {"seats": 9}) if n >= 100 else right, _record,
    "a table in Town{}",
)  # fmt: skip
NUMBERS = Answers(
    "{kind: final_answer, take: last_number}", [f"That makes {7 * n}" for n in range(60)],
    lambda n, right: f"{right}0" if n and n % 5 == 0 else right, lambda n, right: "That makes 1" if n == 7 else right,
    "{} boxes with 7 lamps in each",
)  # fmt: skip


def write_answers(
    folder: Path, answers: Answers, *, style: str = "", swap: bool = False, gates: Sequence[str] = (), code: int = 0
) -> Path:
    """The run folder; `style` are further rules, `swap` gives each variant the other's outputs."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"prompted": answers.prompted, "tuned": answers.tuned}
    if swap:
        texts = dict(zip(texts, reversed(texts.values()), strict=True))
    right = list(enumerate(answers.right))
    _write(
        folder / "pairs.jsonl",
        [{"id": f"r{n}", "input": answers.request.format(n), "output": text} for n, text in right],
    )
    for name, says in texts.items():
        _write(
            folder / f"{name}.jsonl",
            [{"id": f"r{n}", "output": says(n, text), "input_tokens": 30, "output_tokens": 5} for n, text in right],
        )
    (folder / "style.yaml").write_text(f"reviewed: true\nchecks:\n  - {answers.rule}\n{style}", encoding="utf-8")
    words = ["evaluate", "--pairs", folder / "pairs.jsonl", "--style", folder / "style.yaml", "--out", folder / "run"]
    words += [word for name in texts for word in ("--outputs", f"{name}={folder / name}.jsonl")]
    words += [word for gate in gates for word in ("--gate", gate)]
    with pytest.raises(SystemExit) as left:
        main([*map(str, words), "--quiet"])
    assert (left.value.code or 0) == code
    return folder / "run"


def _write(path: Path, rows: Sequence[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
