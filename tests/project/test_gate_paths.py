"""Gates are checked against the keys of results.json before anything is measured."""

import re
from pathlib import Path

import pytest

from tuneworth.core import ConfigError
from tuneworth.project.evaluation.gate_paths import gates_for

ROOT = Path(__file__).parents[2]
VARIANTS, RULES = ("prompted", "tuned", "gpt-4.1", "gpt-4"), ("starts", "length.max")


def check(text: str) -> None:
    gates_for([text], variants=VARIANTS, candidate="tuned", rules=RULES)


@pytest.mark.parametrize(
    "text",
    [
        "quality.tuned.acceptable.low >= 0.9", "quality.gpt-4.1.acceptable.share >= 0.5", "quality.gpt-4.n == 7",
        "quality.tuned.checks.length.max.share <= 0.1", "quality.tuned + repair.acceptable.share > 0",
        "quality.nearest.acceptable.share > 0", "quality.tuned, else prompted.n > 0", "comparison.difference.low > 0",
        "money.npv_p5 > 0", "money.variants.gpt-4.1.cost_per_request < 1", "verdict.decision == Fine-Tune",
        "verdict.decision == cannot tell yet", "data.certificate.pairs_at_or_above == 0", "style.reviewed == true",
        "training.settings.epochs <= 3", "seconds.tuned.p50 < 1", "provenance.versions.torch == 2.0.1", "created == today",
    ],
)  # fmt: skip
def test_a_path_that_results_can_have_is_taken(text: str) -> None:
    check(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("quality.tuend.acceptable.low >= 0.9", 'there is no "quality.tuend" in the results; did you mean "tuned"?'),
        (
            "quality.tuned.acceptabel.low >= 1",
            'no "quality.tuned.acceptabel" in the results; did you mean "acceptable"?',
        ),
        ("quality.tuned.acceptable >= 0.9", "quality.tuned.acceptable is not a single value; it has share"),
        ("quality.tuned.checks.begins.share > 0", 'no "quality.tuned.checks.begins" in the results; known: starts'),
        ("verdict.decision >= 1", "verdict.decision is not a number"),
        ("verdict.decision == finetune", 'verdict.decision is never "finetune"; did you mean "fine-tune"?'),
        ("verdict.decision.low >= 1", "verdict.decision has no parts"),
        ("verdict.reasons == one", "verdict.reasons is not a single value; it is a list"),
        ("risks.overfitting == low", "risks has no parts"),
        ("nothing == 1", 'there is no "nothing" in the results'),
        ("quality == 1", "quality is not a single value; it has parts by name"),
    ],
)
def test_a_gate_that_can_never_hold_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        check(text)


def test_all_gates_that_can_never_hold_are_named_together() -> None:
    with pytest.raises(ConfigError) as wrong:
        gates_for(
            ["quality.a.n > 1", "verdict.next == x", "money.npb > 0"], variants=VARIANTS, candidate="tuned", rules=RULES
        )
    assert [line.partition('": ')[0] for line in str(wrong.value).splitlines()] == [
        '--gate "quality.a.n > 1', '--gate "money.npb > 0'
    ]  # fmt: skip


def test_every_gate_in_the_docs_can_hold() -> None:
    pages = [page for page in (ROOT / "docs").glob("*.md") if page.stem not in ("compare", "going-live")]
    found = {text for page in pages for text in re.findall(r'--gate "([^"]*\d)"', page.read_text(encoding="utf-8"))}
    found |= set(
        re.findall(r"`([a-z_.]+ (?:==|>=) [a-z0-9-]+)`", (ROOT / "docs/report.md").read_text(encoding="utf-8"))
    )
    assert len(found) >= 5
    for text in found:
        check(text)
