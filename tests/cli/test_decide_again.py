"""`roi` and `report` decide again: today's settings and style on the stored outputs, with the earlier verdicts kept."""

import json
import shutil

import pytest

from tuneworth.cli import main
from tuneworth.project import compute_roi
from tuneworth.reports import read_run

from ..conftest import STYLE, pair
from ..shared import share

ROI = """
[roi]
requests_per_day = 5000
failures = "repair"
failure_cost = 0.001
[roi.investment]
compute = 100
[roi.running]
monitoring_hours_per_month = 0
monitoring_hourly = 0
[roi.prompted]
price_input = 5
price_output = 20
fixed_tokens = 500
[roi.tuned]
price_input = 5
price_output = 20
fixed_tokens = 0
"""


@pytest.fixture(scope="module")
def judged_once(tmp_path_factory):
    """A project in which outputs were judged; the tuned model does better on 80 of 200 requests."""
    folder = tmp_path_factory.mktemp("judged")
    pairs = [pair(n) for n in range(200)]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in pairs))
    (folder / "style.yaml").write_text(STYLE, encoding="utf-8")
    settings(folder, ROI)
    words = []
    for name, good, asked in (("prompted", 10, 650), ("tuned", 18, 150)):
        texts = [one["output"] if n % 20 < good else f"Look, {one['output']} 777" for n, one in enumerate(pairs)]
        rows = [
            {"id": f"p{n}", "output": text, "input_tokens": asked, "output_tokens": 40} for n, text in enumerate(texts)
        ]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        words += ["--outputs", f"{name}={folder / name}.jsonl"]
    call = ["evaluate", folder, "--pairs", folder / "pairs.jsonl", *words, "--out", folder / "judged", "--quiet"]
    with pytest.raises(SystemExit) as done:
        main([str(word) for word in call])
    assert not done.value.code
    return share("judged_once", folder)


@pytest.fixture
def judged(judged_once, tmp_path):
    """The --out folder in a copy of the project."""
    return shutil.copytree(judged_once, tmp_path, dirs_exist_ok=True) / "judged"


def settings(folder, roi, evaluate='rivals = "none"\n'):
    (folder / "tuneworth.toml").write_text(f'[data]\npath = "pairs.jsonl"\n[evaluate]\n{evaluate}{roi}')


def stored(run):
    return json.loads((run / "results.json").read_text(encoding="utf-8"))


def files(run):
    return {
        path.name: path.read_bytes()
        for path in (run / "results.json", *(run / "evaluate").iterdir())
        if path.is_file() and path.suffix != ".lock"
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["roi", "report"])
def test_nothing_changed_gives_the_same_results_to_the_byte(command, judged, name):
    before = files(judged)
    done = command(name, judged)
    assert done.code == 0, done.err
    assert files(judged) == before
    assert "changed" not in done.err
    assert stored(judged)["verdicts"] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["roi", "report"])
def test_todays_volume_changes_the_verdict(command, judged, tmp_path, name):
    first = stored(judged)["verdict"]
    assert first["decision"] == "fine-tune"
    settings(tmp_path, ROI.replace("= 5000", "= 1"))
    done = command(name, judged)
    assert "changed: roi.requests_per_day from 5,000 to 1" in done.err
    results = stored(judged)
    assert results["verdict"]["decision"] == "keep prompting"
    (earlier,) = results["verdicts"]
    assert (earlier["decision"], earlier["sentence"]) == ("fine-tune", first["sentence"])
    assert earlier["changed"] == [{"key": "roi.requests_per_day", "from": 5000, "to": 1}]
    if name == "report":
        assert "Changed since: roi.requests" in (judged / "report.md").read_text(encoding="utf-8")
        assert "Earlier verdicts of this run" in (judged / "report.html").read_text(encoding="utf-8")
    settings(tmp_path, ROI)
    command(name, judged)
    again = stored(judged)
    assert again["verdict"] == first
    assert [one["decision"] for one in again["verdicts"]] == ["fine-tune", "keep prompting"]


@pytest.mark.slow
def test_roi_gives_the_verdict_with_its_money(command, judged, tmp_path):
    settings(tmp_path, ROI.replace("= 5000", "= 1"))
    done = command("roi", judged, "--json")
    assert done.json["verdict"]["decision"] == "keep prompting"
    assert done.json["requests_per_day"] == 1
    assert done.json["changed"] == [{"key": "roi.requests_per_day", "from": 5000, "to": 1}]
    assert command("roi", judged).out.startswith("Keep prompting: ")


@pytest.mark.slow
def test_outputs_are_scored_by_todays_style(command, judged, tmp_path):
    style = (tmp_path / "style.yaml").read_text()
    (tmp_path / "style.yaml").write_text(style + "  - {kind: forbidden, any: [lamp], id: no-lamp}\n")
    done = command("report", judged)
    assert "changed: the style; the outputs are scored by its current rules" in done.err
    results = stored(judged)
    assert results["quality"]["tuned"]["checks"]["no-lamp"]["fail"] > 20
    assert results["verdicts"][0]["changed"][0]["key"] == "style"
    lines = [json.loads(line) for line in (judged / "evaluate/outputs.jsonl").read_text().splitlines()]
    assert any(fault["check"] == "no-lamp" for line in lines for fault in line["violations"])
    (tmp_path / "style.yaml").write_text(style)
    command("report", judged)
    assert stored(judged)["quality"]["tuned"]["acceptable"]["share"] == 0.9


@pytest.mark.slow
def test_margin_and_baseline_of_today_apply_and_models_wait(command, judged, tmp_path):
    settings(tmp_path, ROI, 'rivals = "none"\nmargin = 0.5\n')
    done = command("report", judged)
    assert "changed: evaluate.margin from not stated to 0.5" in done.err


@pytest.mark.slow
def test_what_the_call_stated_stays(command, judged, tmp_path):
    words = [w for name in ("prompted", "tuned") for w in ("--outputs", f"{name}={tmp_path / name}.jsonl")]
    call = (
        "evaluate",
        tmp_path,
        "--pairs",
        tmp_path / "pairs.jsonl",
        *words,
        "--candidate",
        "prompted",
        "--baseline",
        "tuned",
    )
    assert command(*call, "--out", judged, "--quiet").code == 0
    assert stored(judged)["verdicts"] == []
    settings(tmp_path, ROI, 'rivals = "none"\ncandidate = "tuned"\n')
    done = command("report", judged)
    assert "changed" not in done.err
    assert stored(judged)["comparison"]["candidate"] == "prompted"


@pytest.mark.slow
def test_a_run_without_its_project_keeps_its_verdict(command, judged, tmp_path):
    before = files(judged)
    (tmp_path / "tuneworth.toml").rename(tmp_path / "elsewhere.toml")
    shutil.copytree(judged, tmp_path / "sent" / "judged")
    done = command("report", tmp_path / "sent" / "judged")
    assert done.code == 0, done.err
    assert "note: the verdict is the stored one: its project is no longer at" in done.err
    assert files(tmp_path / "sent" / "judged") == before


@pytest.mark.slow
def test_a_project_with_errors_says_them(command, judged, tmp_path):
    settings(tmp_path, ROI, "margin = 7\n")
    done = command("report", judged)
    assert done.code == 2
    assert "margin" in done.err


@pytest.mark.slow
def test_gates_are_checked_again(command, judged, tmp_path):
    words = [w for name in ("prompted", "tuned") for w in ("--outputs", f"{name}={tmp_path / name}.jsonl")]
    gates = ("--gate", "money.requests_per_day >= 100")
    command("evaluate", tmp_path, "--pairs", tmp_path / "pairs.jsonl", *words, "--out", judged, *gates)
    assert stored(judged)["gates"] == [{"gate": "money.requests_per_day >= 100", "value": 5000, "holds": True}]
    settings(tmp_path, ROI.replace("= 5000", "= 1"))
    command("roi", judged)
    assert stored(judged)["gates"] == [{"gate": "money.requests_per_day >= 100", "value": 1, "holds": False}]


@pytest.fixture
def curated(command, style_file, tmp_path):
    """A project that curated its pairs and evaluated two files of outputs."""
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair(n)) + "\n" for n in range(400)))
    evaluate = 'variants = ["prompted", "tuned"]\n' + "".join(
        f'[evaluate.{name}]\noutputs = "{name}.jsonl"\n' for name in ("prompted", "tuned")
    )
    settings(tmp_path, ROI, evaluate)
    assert command("curate", tmp_path, "--quiet").code == 0
    run = next((tmp_path / "runs").iterdir())
    test = [json.loads(line) for line in (run / "curate/test.jsonl").read_text().splitlines()]
    for name, good, asked in (("prompted", 10, 650), ("tuned", 18, 150)):
        texts = [one["output"] if n % 20 < good else f"Look, {one['output']} 777" for n, one in enumerate(test)]
        rows = zip(test, texts, strict=True)
        lines = [{"id": one["id"], "output": text, "input_tokens": asked, "output_tokens": 40} for one, text in rows]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = command("evaluate", tmp_path, "--quiet")
    assert done.code == 0, done.err
    return run


@pytest.mark.slow
def test_a_run_of_a_project_decides_again_to_the_byte(command, curated, tmp_path):
    before = files(curated)
    for words in (("report", tmp_path), ("roi", curated), ("report", curated)):
        done = command(*words)
        assert (done.code, "changed" in done.err) == (0, False), done.err
        assert files(curated) == before


@pytest.mark.slow
def test_settings_of_the_outputs_wait_for_new_ones(command, curated, tmp_path):
    text = (tmp_path / "tuneworth.toml").read_text()
    text = text.replace('outputs = "tuned.jsonl"\n', 'outputs = "tuned.jsonl"\nrepair = "safe"\n')
    (tmp_path / "tuneworth.toml").write_text(text.replace("[evaluate]\n", "[evaluate]\ntemperature = 0.5\n"))
    done = command("report", tmp_path)
    assert 'changed: evaluate.tuned.repair from not stated to "safe"' in done.err
    assert "evaluate.temperature: not applied yet; it takes effect with new outputs" in done.err
    assert stored(curated)["variants"]["tuned"]["repair"] == "safe"
    assert [one["changed"][0]["key"] for one in stored(curated)["verdicts"]] == ["evaluate.tuned.repair"]


@pytest.mark.slow
def test_judgements_of_people_stay_and_are_counted_by_the_rules_of_today(command, judged, tmp_path):
    rows = [{"id": f"p{n}", "left": "tuned", "right": "prompted", "choice": "left"} for n in range(40)]
    about = {"created": "", "outputs": read_run(judged).shown_outputs}
    content = {"schema": "tuneworth/judgements/1", "run": about, "seed": 1, "judge": "", "judgements": rows}
    (tmp_path / "people.json").write_text(json.dumps(content))
    assert command("report", judged, "--judgements", tmp_path / "people.json").code == 0
    first = stored(judged)["judgements"]
    assert first["checks"]["candidate"]["choices"] == 16
    before = files(judged)
    command("report", judged)
    assert files(judged) == before
    style = (tmp_path / "style.yaml").read_text()
    (tmp_path / "style.yaml").write_text(style + "  - {kind: forbidden, any: [lamp], id: no-lamp}\n")
    command("roi", judged)
    counted = stored(judged)["judgements"]
    assert counted["together"] == first["together"]
    assert 0 < counted["checks"]["candidate"]["choices"] < 16


@pytest.mark.slow
def test_python_gives_the_same_money_without_writing(judged, tmp_path):
    before = files(judged)
    settings(tmp_path, ROI.replace("= 5000", "= 1"))
    assert compute_roi(judged).to_json()["requests_per_day"] == 1
    assert files(judged) == before


@pytest.mark.slow
def test_a_run_with_a_model_decides_again_to_the_byte_without_loading_it(command, project, monkeypatch):
    file = project / "tuneworth.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("probes = false", "probes = true"), encoding="utf-8")
    done = command("run", project, "--quiet")
    assert done.code == 0, done.err
    run = next((project / "runs").iterdir())
    before = files(run)
    assert "train_outputs.jsonl" in before
    monkeypatch.setattr("tuneworth.train.load_model", None)
    done = command("report", run)
    assert (done.code, "changed" in done.err) == (0, False), done.err
    assert files(run) == before
