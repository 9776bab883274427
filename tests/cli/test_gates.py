"""Gates: what they take, what comes of them, and where that is written."""

import json
import xml.etree.ElementTree as ET

import pytest

from tuneworth.core import ConfigError
from tuneworth.project import parse_gate
from tuneworth.project.evaluation.gates import evaluate_gates

from ..shared import results_of

RESULTS = results_of({
    "quality": {"gpt-4.1": {"n": 60, "acceptable": {"share": 0.5, "low": None}}, "gpt-4": {"n": 7}},
    "verdict": {"decision": "fine-tune", "doubt": None, "reasons": ["one"]},
    "style": {"reviewed": True},
    "money": None,
})  # fmt: skip


@pytest.fixture
def judged(command, pairs_file, style_file, tmp_path):
    """Judges 60 given outputs, 40 of them good, with gates; the run folder is tmp_path / "judged"."""
    rows = [json.loads(line) for line in pairs_file.read_text().splitlines()]
    for name, good in (("prompted", 20), ("tuned", 40)):
        made = [{"id": row["id"], "output": row["output"] if n < good else "x."} for n, row in enumerate(rows)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))

    def call(*gates):
        words = [word for name in ("prompted", "tuned") for word in ("--outputs", f"{name}={tmp_path / name}.jsonl")]
        asked = [word for gate in gates for word in ("--gate", gate)]
        return command(
            "evaluate", "--pairs", pairs_file, *words, "--style", style_file, "--out", tmp_path / "judged", "--json",
            *asked,
        )  # fmt: skip

    return call


def stored(tmp_path):
    return json.loads((tmp_path / "judged/results.json").read_text())


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("quality.gpt-4.1.acceptable.share >= 0.5", True),  # a name with a dot
        ("quality.gpt-4.1.acceptable.share > 0.5", False),
        ("quality.gpt-4.n == 7", True),  # and the shorter name beside it
        ("quality.gpt-4.1.n<=60", True),
        ("quality.gpt-4.1.acceptable.low >= 0", False),  # null
        ("money.payback_days < 30", False),  # null above
        ('verdict.decision == "fine-tune"', True),
        ("verdict.decision == Fine-Tune", True),
        ("verdict.decision == keep prompting", False),
        ("style.reviewed == true", True),
        ("style.reviewed == false", False),
        ("style.reviewed >= 1", False),
    ],
)
def test_a_gate_holds_or_not(text, holds):
    assert evaluate_gates([parse_gate(text)], RESULTS)[0].holds is holds


@pytest.mark.parametrize(
    "text",
    [
        "quality.gpt-4.2.n >= 1",
        "quality.gpt-5.n >= 1",
        "verdict.decision.low >= 1",
        "verdict.decision >= 1",
        "verdict.reasons == one",
        "quality.gpt-4 == 7",
        "nothing == 1",
    ],
)
def test_a_path_that_cannot_exist_or_has_no_single_value_is_refused(text):
    with pytest.raises(ConfigError, match=r'--gate "'):
        evaluate_gates([parse_gate(text)], RESULTS)


@pytest.mark.parametrize(
    "text", ["", ">= 1", "a.b", "a.b >=", "a >= b", "a >= 1 <= 2", "a => 1", "a >= nan", "a > > 1"]
)
def test_what_is_no_gate_is_refused(text):
    with pytest.raises(ConfigError, match=r'--gate "'):
        parse_gate(text)


@pytest.mark.slow
def test_gates_stand_in_the_results_the_page_and_the_junit_file(judged, tmp_path):
    good, bad = "quality.tuned.acceptable.share >= 0.5", "quality.tuned.acceptable.share >= 0.9"
    done = judged(good, bad, "money.npv > 0")
    assert done.code == 1
    assert "gate failed" in done.err
    assert good not in done.err
    value = pytest.approx(40 / 60)
    assert stored(tmp_path)["gates"] == [
        {"gate": good, "value": value, "holds": True},
        {"gate": bad, "value": value, "holds": False},
        {"gate": "money.npv > 0", "value": None, "holds": False},
    ]
    assert done.json["gates"] == stored(tmp_path)["gates"]
    page = (tmp_path / "judged/report.html").read_text()
    assert 'id="gates"' in page
    assert "quality.tuned.acceptable.share &gt;= 0.9" in page
    suite = ET.parse(tmp_path / "judged/junit.xml").find("testsuite[@name='gates']")
    assert suite is not None
    assert [case.find("failure") is not None for case in suite.iter("testcase")] == [False, True, True]


@pytest.mark.slow
def test_without_gates_the_key_is_there_and_null(judged, tmp_path):
    assert judged().code == 0
    assert stored(tmp_path)["gates"] is None
    assert 'id="gates"' not in (tmp_path / "judged/report.html").read_text()
    assert b'name="gates"' not in (tmp_path / "judged/junit.xml").read_bytes()


@pytest.mark.slow
def test_a_path_that_no_results_can_have_ends_the_command_before_anything_is_judged(judged, tmp_path):
    done = judged("quality.tuned.n >= 1", "quality.tuend.n >= 1")
    assert done.code == 2
    assert '"tuned"' in done.err
    assert not (tmp_path / "judged").exists()


@pytest.mark.slow
def test_a_path_that_these_results_lack_records_no_gate_and_leaves_the_report(judged, tmp_path):
    done = judged("quality.tuned.n >= 1", "quality.nearest.n >= 1")
    assert done.code == 2
    assert '"quality.nearest"' in done.err
    assert stored(tmp_path)["gates"] is None
    assert (tmp_path / "judged/report.html").is_file()


@pytest.mark.slow
def test_gates_of_an_earlier_call_do_not_stay(judged, tmp_path):
    judged("quality.tuned.n >= 1")
    judged()
    assert stored(tmp_path)["gates"] is None


@pytest.mark.slow
def test_a_later_report_keeps_the_gates(command, judged, tmp_path):
    judged("quality.tuned.n >= 100")
    assert command("report", tmp_path / "judged").code == 0
    assert 'id="gates"' in (tmp_path / "judged/report.html").read_text()


@pytest.mark.slow
def test_the_text_of_a_gate_is_escaped_wherever_it_stands(judged, tmp_path):
    judged("project == a<img src=x onerror=alert(1)>]]>&\x01")
    page, xml = (tmp_path / "judged/report.html").read_text(), tmp_path / "judged/junit.xml"
    assert "<img" not in page
    assert "&lt;img src=x" in page
    case = ET.parse(xml).find("testsuite[@name='gates']/testcase")
    assert case is not None
    assert case.get("name") == "project == a<img src=x onerror=alert(1)>]]>&�"
