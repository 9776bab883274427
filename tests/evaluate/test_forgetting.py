import pytest

from tuneworth.evaluate import assess_forgetting, general_prompts
from tuneworth.evaluate.risks.forgetting import least_visible_loss
from tuneworth.evaluate.statistics.difference import newcombe_paired

PROMPTS = general_prompts()


def outputs(passed):
    """Right answers where `passed` is true, wrong ones elsewhere."""
    return [asked.right if right else asked.wrong for asked, right in zip(PROMPTS, passed, strict=True)]


def first(count):
    """The first `count` prompts of the areas taken in turn."""
    order = sorted(range(100), key=lambda i: (i % 20, i // 20))
    chosen = set(order[:count])
    return [i in chosen for i in range(100)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("base", "tuned", "status"),
    [
        (80, 80, "ok"), (80, 76, "ok"), (80, 90, "ok"), (80, 75, "warn"), (80, 70, "warn"), (80, 66, "over"), (80, 0, "over"),
        (100, 100, "ok"), (24, 24, "ok"), (23, 23, "not checked"), (12, 12, "not checked"), (0, 0, "not checked"),
        (12, 7, "warn"), (12, 0, "over"), (4, 0, "not checked"), (0, 50, "not checked"),
    ],
)  # fmt: skip
def test_a_loss_of_five_points_warns_and_a_significant_one_is_over(base, tuned, status):
    found = assess_forgetting(outputs(first(base)), outputs(first(tuned)), PROMPTS)
    assert found.status == status
    assert (found.base, found.tuned) == (base, tuned)
    assert found.measured is (status != "not checked")
    if status != "not checked":
        assert found.value == pytest.approx((tuned - base) / 100)
        assert found.limit == -0.05


def test_a_weak_base_model_has_little_to_forget_and_the_evidence_names_the_detectable_loss():
    found = assess_forgetting(outputs(first(15)), outputs(first(14)), PROMPTS)
    assert found.value is None
    assert "only 15 of 100" in found.evidence
    assert "only a loss of 12 or more could be detected" in found.evidence
    assert found.evidence.endswith(found.to_check)
    none = assess_forgetting(outputs(first(5)), outputs(first(5)), PROMPTS)
    assert "no loss could be detected" in none.evidence


def test_a_loss_in_one_area_warns_even_if_others_gained():
    safety = [asked.area == "safety" for asked in PROMPTS]
    base = [i % 20 < 12 for i in range(100)]
    tuned = [not safe and i % 20 < 15 for i, safe in enumerate(safety)]
    found = assess_forgetting(outputs(base), outputs(tuned), PROMPTS)
    assert found.value == pytest.approx(0.0)
    assert found.status == "warn"
    assert "safety significantly fell" in found.evidence
    assert {row.area: (row.base, row.tuned) for row in found.areas}["safety"] == (12, 0)


def test_missing_answers_are_dropped_for_both_models():
    base, tuned = outputs(first(80)), outputs(first(80))
    base[0], tuned[1] = None, None
    found = assess_forgetting(base, tuned, PROMPTS)
    assert found.n == 98
    nothing = assess_forgetting([None] * 100, tuned, PROMPTS)
    assert (nothing.status, nothing.value) == ("not checked", None)


def test_answers_cut_at_the_limit_are_reported():
    found = assess_forgetting([""] * 100, [""] * 100, PROMPTS, cut=[True] * 80 + [False] * 20)
    assert "80% of its answers are cut" in found.evidence


@pytest.mark.parametrize("n", [5, 20, 100])
def test_the_least_visible_loss_is_the_smallest_that_fires(n):
    for passed in {0, n // 4, n // 2, n}:
        least = least_visible_loss(passed, n)
        highs = [newcombe_paired(passed - lost, 0, lost, n - passed)[1] for lost in range(1, passed + 1)]
        assert least == next((lost for lost, high in enumerate(highs, start=1) if high < -0.05), None)


@pytest.mark.model
def test_the_embedded_model_knows_enough_to_detect_a_loss():
    from tuneworth.evaluate.outputs.generate import generate
    from tuneworth.train import chat_messages, load_model

    loaded = load_model("smollm2-135m")
    chats = [chat_messages(asked.prompt) for asked in PROMPTS]
    answers = [found.output for found in generate(loaded, chats, max_new_tokens=32)]
    found = assess_forgetting(answers, answers, PROMPTS)
    assert found.status == "ok", found.evidence
    assert {row.area: row.base for row in found.areas}["facts"] >= 12
