"""The style and the judging over HTTP: what the page asks and gets, saved at once, several people."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tuneworth.project import judge_outputs

from .served import Served, serving
from .small_runs import STYLE, all_kinds, curated

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return curated(tmp_path / "parts", all_kinds()).folder.parents[1]


@pytest.fixture
def served(project: Path) -> Iterator[Served]:
    with serving(project) as served:
        yield served


@pytest.fixture(scope="module")
def refusing(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server for requests that change nothing."""
    with serving(shutil.copytree(made, tmp_path_factory.mktemp("refusing") / "parts")) as served:
        yield served


def test_an_edit_of_the_style_is_shown_with_its_rows_and_saved(project, served):
    client = served.client()
    while (style := client.get("style"))["counting"]:
        time.sleep(0.05)
    assert style["path"] == str(project / "style.yaml")
    checks = {check["id"]: check for check in style["checks"]}
    assert checks["no-stop"]["level"] == "must"
    assert checks["short"]["fail"] > 0
    edits = [{"check": "short", "set": {"max": 100}}]
    tried = client.post("style/try", edits=edits)
    assert tried["keeps_now"] == checks["short"]["fail"]
    assert len(tried["rows"]) == tried["changed"]
    assert "-" in tried["diff"]
    before = (project / "style.yaml").read_text()
    assert client.send("style/save", edits=edits, stamp="x").status_code == 400
    assert (project / "style.yaml").read_text() == before
    client.post("style/save", edits=edits, stamp=tried["stamp"])
    assert "max: 100" in (project / "style.yaml").read_text()
    while (style := client.get("style"))["counting"]:
        time.sleep(0.05)
    assert {check["id"]: check["fail"] for check in style["checks"]}["short"] == 0


@pytest.mark.parametrize(
    "edits",
    [
        None, {}, [1], [{}], [{"check": "none", "level": "must"}], [{"check": "short", "set": {"max": "x"}}],
        [{"check": "short", "fly": 1}],
    ],
)  # fmt: skip
def test_an_edit_that_makes_no_sense_is_refused_with_a_sentence(refusing, edits):
    answer = refusing.client().send("style/try", edits=edits)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_run_without_style_or_outputs_says_so(command, pairs_file, tmp_path):
    command("curate", pairs_file, "--out", tmp_path / "clean")
    with serving(tmp_path / "clean") as served:
        client = served.client()
        state = client.state()
        assert (state["style"], state["judging"]) == (False, False)
        assert client.http.get("api/style").status_code == 400
        assert client.http.get("api/judging", params={"who": "Ada"}).status_code == 404


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """A run of outputs from elsewhere: nothing was curated."""
    pairs = [{"id": f"p{n}", "input": f"part {n}", "output": f"Part {n} in grey"} for n in range(12)]
    outputs = {
        name: [{"id": pair["id"], "output": f"{pair['output']}{end}"} for pair in pairs]
        for name, end in (("prompted", " and white"), ("tuned", ""))
    }
    (tmp_path / "style.yaml").write_text(STYLE)
    style = tmp_path / "style.yaml"
    return judge_outputs(pairs, outputs, style, baseline="prompted", candidate="tuned", out=tmp_path / "judged").folder


def test_a_choice_is_kept_at_once_and_counted_after_ten(judged):
    with serving(judged) as served:
        client = served.client("Ada")
        state = client.state()
        assert (state["judging"], state["kinds"]) == (True, [])
        found = client.get("judging", who="Ada")
        assert (found["requests"], found["judged"], found["tally"]) == (12, 0, None)
        shown = []
        for n in range(10):
            request = found["request"]
            shown.append(request["id"])
            assert {"prompted", "tuned"}.isdisjoint(json.dumps(request).split('"'))
            choice = "right" if request["left"].endswith("white") else "left"
            found = client.post("judging", id=request["id"], choice=choice, seconds=3, left_acceptable=True)
            assert (found["tally"] is None) == (n < 9)
        assert found["tally"]["candidate"] == 10
        served.kill()
    with serving(judged) as served:
        client = served.client("Ada")
        again = client.get("judging", who="Ada")
        assert [one["id"] for one in again["shown"]] == shown
        skipped = client.get("judging", who="Ada", skip=again["request"]["id"])
        assert skipped["request"]["id"] not in (again["request"]["id"], *shown)
        assert client.get("judging", who="Bob")["judged"] == 0


def test_a_choice_that_makes_no_sense_is_refused(judged):
    with serving(judged) as served:
        for stated in ({"id": "none", "choice": "left"}, {"id": "p1", "choice": "both"}, {"choice": "left"}):
            assert served.client().send("judging", **stated).status_code == 400, stated
    assert not list(judged.glob("judgements/*.json"))


def test_a_difference_between_two_people_is_a_row_of_the_queue_until_a_third_settles_it(judged):
    with serving(judged) as served:
        ada, bob, cleo = (served.client(who) for who in ("Ada", "Bob", "Cleo"))
        assert ada.counted()["state"] == "off"
        for client, wanted in ((ada, "white"), (bob, "grey")):
            request = client.get("judging", who=client.who)["request"]
            while request["id"] != "p3":
                request = client.post("judging", id=request["id"], choice="equal")["request"]
            choice = "left" if request["left"].endswith(wanted) else "right"
            client.post("judging", id="p3", choice=choice)
        (kind,) = cleo.state()["kinds"]
        assert (kind["kind"], kind["count"], kind["left"]) == ("disagreement", 1, 1)
        item = cleo.item("disagreement")
        assert (item["key"], [side["row"] for side in item["sides"]]) == ("p3", [None, None])
        assert ada.decide(item, "left").status_code == 400  # has judged it
        saved = cleo.decide(item, "left").json()
        assert (saved["saved"], saved["next"]) == ([{"id": "p3", "decision": "left"}], None)
        (kind,) = cleo.state()["kinds"]
        assert (kind["left"], kind["decided"], kind["seconds_each"]) == (0, 1, 2.5)
    assert not (judged / "overrides.jsonl").exists()
