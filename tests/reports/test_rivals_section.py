"""The section on ways without training: what each took, how it stands, which are missing and why; labels in words."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuneworth.evaluate.results import Verdict
from tuneworth.reports import write_report
from tuneworth.reports.page import render_section
from tuneworth.reports.sections.first_screen import decision_label, verdict_sentence
from tuneworth.reports.sections.rivals import form_rows, lead, rival_rows, section, unmeasured_lines
from tuneworth.reports.stored import StoredRun, read_run
from tuneworth.reports.words import variant_label

from ..shared import record_of, results_of
from .page_parts import part_html

SHARE = {"share": 0.9, "low": 0.8, "high": 0.95}
HOW = {
    "prompted": {"way": "model", "of": []},
    "prompted + repair": {"way": "repair", "of": ["prompted"]},
    "prompted + retry": {"way": "retry", "of": ["prompted"]},
    "template": {"way": "template", "of": [], "repair": "safe"},
    "tuned": {"way": "model", "of": [], "tuned": True},
    "tuned + repair": {"way": "repair", "of": ["tuned"], "tuned": True},
    "tuned, else prompted": {"way": "cascade", "of": ["tuned + repair", "prompted"], "tuned": True},
}


MONEY = {"currency": "EUR", "failures": "repair", "variants": {n: {"effective_cost_per_request": 0.01} for n in HOW}}


def row(name: str, share: float, low: float, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "measured": True, "strongest": False, "acceptable": {"share": share, "low": share, "high": share},
        "difference": {"value": low + 0.05, "low": low, "high": low + 0.1}, "calls": 1.0, "seconds": None,
        "npv": 10.0, "payback_days": 30.0, "probability": 0.875,
    } | more  # fmt: skip


def stored(*rows: dict[str, Any], **more: Any) -> StoredRun:
    """A run whose candidate is `tuned + repair` with these rivals."""
    rivals = list(rows)
    quality = {name: {"n": 100, "acceptable": SHARE} for name in HOW}
    strongest = next((row["name"] for row in rows if row.get("strongest")), "prompted")
    results: dict[str, Any] = {
        "quality": quality, "variants": HOW, "rivals": rivals, "money": MONEY,
        "comparison": {"baseline": strongest, "candidate": "tuned + repair"},
        "tokens": {"prompted + retry": {"fixed": 500, "input": 100, "output": 30}},
    }  # fmt: skip
    return StoredRun(Path("r"), results_of(results | more), {}, {})


TEMPLATE = row("template", 0.7, 0.1, calls=0.0, npv=None, payback_days=None, probability=None)
REPAIRED = row("prompted + repair", 0.88, -0.01, strongest=True)
RETRIED = row("prompted + retry", 0.85, 0.02, calls=1.4, seconds=0.75)


def plain(text: str) -> str:
    return text.replace("\xa0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("tuned", "tuned"),
        ("prompted + repair", "prompted, repaired"),
        ("prompted + retry + repair", "prompted, retried, repaired"),
        ("tuned + short guide", "tuned, short guide"),
        ("tuned, else prompted + retry", "tuned, else prompted, retried"),
        ("template", "template, no model"),
        ("nearest", "nearest examples"),
        ("searched + repair", "searched prompt, repaired"),
        ("a + b", "a + b"),
    ],
)
def test_a_label_says_how_outputs_come_about_and_keeps_other_names(name: str, label: str) -> None:
    assert variant_label(name) == label
    assert len(label) <= 30


def test_a_variant_that_the_settings_repair_is_labelled_like_one_that_is_made_so() -> None:
    run = stored(variants=HOW | {"prompted": {"repair": "safe"}, "tuned + repair": {"repair": "safe"}})
    assert [run.label(name) for name in ("prompted", "tuned + repair", "template")] == [
        "prompted, repaired", "tuned, repaired", "template, no model",
    ]  # fmt: skip


def test_each_way_says_what_it_took_and_what_training_gains() -> None:
    rows = rival_rows(stored(TEMPLATE, REPAIRED, RETRIED))
    assert [(one.name, one.strongest, plain(one.took)) for one in rows] == [
        ("template, no model", False, "no model"),
        ("prompted, repaired", True, "no further call"),
        ("prompted, retried", False, "1.4 calls, 630 tokens, 0.75 s"),
    ]
    assert [plain(one.difference) for one in rows][1] == "+4 points (−1 to +9)"
    assert [(plain(one.payback), one.chance) for one in rows] == [
        ("–", ""),
        ("30 days", "88% likely"),
        ("30 days", "88% likely"),
    ]
    assert [plain(one.cost) for one in rows] == ["0.01 EUR"] * 3


def test_a_payback_that_never_comes_is_never_and_a_batch_has_a_gain() -> None:
    never = REPAIRED | {"payback_days": None, "probability": 0.001}
    assert rival_rows(stored(never, TEMPLATE))[0].payback == "never"
    batch = stored(REPAIRED, TEMPLATE, money=MONEY | {"requests_total": 1000})
    assert plain(rival_rows(batch)[0].payback) == "10 EUR"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [TEMPLATE, REPAIRED, RETRIED],
            "The tuned model after repair is clearly better than 2 of 3 ways without training; the strongest is the "
            "prompted model after repair, at 88% acceptable.",
        ),
        (
            [TEMPLATE | {"strongest": True}, RETRIED],
            "is clearly better than all of 2 ways without training; the strongest",
        ),
        ([REPAIRED, row("prompted", 0.6, -0.2)], "is clearly better than none of 2 ways without training"),
        ([REPAIRED], "is not clearly better than the one way without training that was compared"),
        ([], "No way without training could be compared"),
    ],
)
def test_the_section_opens_with_how_many_ways_are_beaten(rows: list[dict[str, Any]], said: str) -> None:
    assert said in lead(stored(*rows))


def test_ways_that_were_not_measured_stand_below_with_their_reason() -> None:
    missing = {"name": "nearest", "measured": False, "why": "there are no train pairs"}
    run = stored(REPAIRED, TEMPLATE, missing)
    assert unmeasured_lines(run) == [("nearest examples", "There are no train pairs.")]
    assert len(rival_rows(run)) == 2


def test_the_forms_of_the_tuned_model_have_their_share_and_what_goes_on_to_the_fallback() -> None:
    forms = form_rows(stored(REPAIRED, row("prompted", 0.6, 0.2), TEMPLATE, RETRIED))
    assert [(form.name, form.judged) for form in forms] == [
        ("tuned", False), ("tuned, repaired", True), ("tuned, else prompted", False),
    ]  # fmt: skip
    assert plain(forms[2].took).startswith("10% (5 to 20%) of the requests go on to prompted")
    assert plain(forms[2].acceptable) == "90% (80 to 95%)"


def test_a_run_with_one_way_and_one_form_needs_no_section() -> None:
    alone = stored(row("prompted", 0.6, 0.2, strongest=True))
    assert section(alone) is not None
    quality = {name: {"n": 100, "acceptable": SHARE} for name in ("prompted", "tuned + repair")}
    assert section(stored(row("prompted", 0.6, 0.2, strongest=True), quality=quality)) is None
    assert section(stored()) is None


@pytest.mark.parametrize(
    ("kind", "exact", "said"),
    [
        (
            "learnt",
            0.97,
            "The outputs follow a template: learnt from the training examples, it wrote 97% of the outputs of 200",
        ),
        (
            "learnt",
            0.02,
            "The outputs follow no template: one learnt from the training examples wrote 2% of the outputs of 200",
        ),
        ("fields", 0.02, "This one lists the fields that outputs usually mention."),
        ("rule", 0.02, "This one is a rule of the style."),
        ("stated", None, "The template is stated in tuneworth.toml."),
    ],
)
def test_a_template_says_whether_outputs_follow_it_and_shows_its_forms(
    kind: str, exact: float | None, said: str
) -> None:
    forms = [{"text": "{a} <of> {b}", "share": 0.6}, {"text": "{a}", "share": None}]
    facts = {"kind": kind, "skeletons": forms, "tried": 200, "exact": exact}
    found = section(stored(TEMPLATE, variants=HOW | {"template": HOW["template"] | {"template": facts}}))
    assert found is not None
    html = render_section(found, {"good": "acceptable"})
    assert said in plain(html)
    assert '60%: <code dir="auto">{a} &lt;of&gt; {b}</code>' in html
    assert '<li><code dir="auto">{a}</code>' in html


def test_variants_are_shown_by_their_share_and_repaired_ones_before_their_origin() -> None:
    shares = {"prompted": 0.4, "prompted + retry": 0.6, "template": 0.5, "tuned": 0.7}
    quality = {name: {"acceptable": {"share": shares.get(name, 0.9)}} for name in HOW}
    run = stored(REPAIRED, TEMPLATE, quality=quality)
    assert run.ordered[:2] == ["prompted + repair", "tuned + repair"]
    assert run.others == ["tuned, else prompted", "tuned", "prompted + retry", "template", "prompted"]


@pytest.mark.parametrize(
    ("decision", "sentence", "label"),
    [
        (
            "keep prompting",
            "Keep prompting: the tuned model 85%, a template without any model 99%.",
            "Use the template",
        ),
        ("keep prompting", "Keep prompting: the tuned model 85%, the prompted model 99%.", "Keep prompting"),
        (
            "cannot tell yet",
            "Cannot tell yet: the tuned model 85%, a template without any model 84%.",
            "Cannot tell yet",
        ),
    ],
)
def test_where_a_template_keeps_its_place_nothing_is_prompted(decision: str, sentence: str, label: str) -> None:
    verdict = record_of({"decision": decision, "sentence": sentence}, Verdict)
    assert decision_label(decision, sentence)[0] == label
    assert verdict_sentence(verdict).startswith(f"{label}: the tuned model 85%")


def test_rivals_of_an_older_run_are_read_with_what_they_knew(make_run: Callable[..., Path]) -> None:
    folder = make_run()
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    results["rivals"] = {"plain": {"baseline": "prompted", "candidate": "plain", "difference": {"value": -0.2}}}
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    run = read_run(folder)
    assert [(one.name, one.strongest) for one in run.rivals] == [("prompted", True), ("plain", False)]
    assert run.rivals[0].difference == run.gap
    assert run.rivals[1].difference is None
    assert 'id="rivals"' in write_report(folder)[0].read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_real_ladder_is_told_in_every_file(evaluated_run: Callable[..., Path]) -> None:
    folder = evaluated_run(n=42, rivals="auto")
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    ways = [one["name"] for one in results["rivals"] if one["measured"]]
    assert {"template", "prompted", "prompted + repair"} <= set(ways)
    html, text, tests = (
        (folder / name).read_text(encoding="utf-8") for name in ("report.html", "report.md", "junit.xml")
    )
    part = part_html(html, "rivals")
    for name in ways:
        label = variant_label(name)
        assert f"<bdi>{label}</bdi>" in part
        assert f"| {label}" in text
        assert f'name="{label}' in tests
    assert part.count('<span class="tag">strongest</span>') == 1
    assert "tuned, else prompted" in part
    assert len(re.findall(r'<testsuite name="([^"]* \+ repair)"', tests)) <= 2
    assert "prompted + repair" not in re.sub(r"<[^>]*>|/\*.*?\*/", " ", part)
