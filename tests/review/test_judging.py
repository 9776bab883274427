"""Blind judging: each choice is on the disk at once, people never lose one another's, and names stay hidden."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import ConfigError, DataError, RunBroken
from tuneworth.evaluate import read_judgements
from tuneworth.project import Run, judged_run
from tuneworth.reports import read_run
from tuneworth.review import Judging
from tuneworth.review.judging.judges import file_name, person
from tuneworth.review.judging.shuffle import first_on_left, judging_order

from ..reports.invented_run import write_run
from .together import run_together

BLIND = Path(__file__).parents[2] / "reports" / "scripts" / "blind.js"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    folder = write_run(tmp_path / "run", n=30)
    (folder / "run.json").write_text("{}", encoding="utf-8")
    return Run(folder)


def file_of(run: Run, who: str) -> dict[str, Any]:
    return json.loads((run.folder / "judgements" / file_name(who)).read_text(encoding="utf-8"))


def judge_all(judging: Judging, who: str, choose: Any, most: int = 10**6) -> list[str]:
    """Judge by `choose` (of the request) until nothing is left; the ids in their order."""
    seen: list[str] = []
    answer = judging.next(who)
    while answer is not None and answer["request"] is not None and len(seen) < most:
        request = answer["request"]
        seen.append(request["id"])
        answer = judging.judge(who, request["id"], choose(request), seconds=1.25)
    return seen


# --- one person -----------------------------------------------------------------------------------------------------------


def test_requests_with_two_outputs_come_once_each_without_names_and_are_saved_as_the_page_saves_them(run: Run):
    judging, stored = Judging(run), read_run(run.folder)
    texts = {id_: {v: stored.outputs[id_, v]["output"] for v in ("prompted", "tuned")} for id_ in stored.pairs}
    wanted = {id_ for id_, both in texts.items() if both["prompted"] != both["tuned"]}
    assert 0 < len(wanted) < len(texts)  # the others have the same output twice
    shown = []

    def choose(request: dict[str, Any]) -> str:
        assert set(request) == {"id", "input", "left", "right"}
        assert {request["left"], request["right"]} == set(texts[request["id"]].values())
        shown.append(request)
        return ["left", "right", "equal"][len(shown) % 3]

    assert set(judge_all(judging, "ada", choose)) == wanted
    assert len(shown) == len(wanted)
    content = file_of(run, "ada")
    assert content["run"] == {"created": stored.results.created, "outputs": stored.shown_outputs}
    saved = {row["id"]: row for row in content["judgements"]}
    for number, request in enumerate(shown, start=1):
        row = saved[request["id"]]
        assert row["choice"] == ["left", "right", "equal"][number % 3]
        assert texts[request["id"]][row["left"]] == request["left"]
        assert row["seconds"] == 1.2
    lefts = {row["left"] for row in saved.values()}
    assert lefts == {"prompted", "tuned"}  # the sides are shuffled
    [found] = read_judgements([run.folder / "judgements" / "ada.json"], judged_run(stored))
    assert (found.judge, found.seed, len(found.choices)) == ("ada", content["seed"], len(wanted))


def test_order_and_sides_come_from_the_file_alone(run: Run):
    seen = judge_all(Judging(run), "ada", lambda _: "left", most=8)
    content = file_of(run, "ada")
    assert seen == judging_order(Judging(run)._compared().inputs, content["seed"])[:8]
    for row in content["judgements"]:
        assert (row["left"] == "prompted") == first_on_left(row["id"], content["seed"])
    other = run.folder / "judgements" / "bob.json"  # with the seed of a session that began on the page
    other.write_text(json.dumps({**content, "judge": "bob", "seed": 77, "judgements": []}), encoding="utf-8")
    ids = judge_all(Judging(run), "bob", lambda _: "left", most=8)
    assert ids == judging_order(Judging(run)._compared().inputs, 77)[:8] != seen
    assert file_of(run, "bob")["seed"] == 77


def test_the_order_and_the_sides_are_those_of_the_reports_page():
    """The page's own code, run by node, for texts of several planes."""
    ids = ["p1", "Größe 5", "𝔘nicode \U0001f600", "", "a\ud800b", "x" * 300, *map(str, range(40))]
    source = BLIND.read_text(encoding="utf-8")
    begin = source.index("  const hash = (text) => {")
    function = source[begin : source.index("  const begin = ")]
    script = f"""
      const seeds = [0, 7, 4294967295]; const ids = {json.dumps(ids)};
      let seed = 0; {function}
      console.log(JSON.stringify(seeds.map((one) => {{
        seed = one;
        const order = ids.map((id) => [hash(`order ${{id}}`), id]).sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1));
        return [order.map(([, id]) => id), ids.map((id) => (hash(`side ${{id}}`) & 1) === 1)];
      }})));
    """
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    for seed, (order, sides) in zip((0, 7, 2**32 - 1), json.loads(done.stdout), strict=True):
        assert judging_order(ids, seed) == order
        assert [first_on_left(id_, seed) for id_ in ids] == sides


def test_the_count_shows_after_ten_choices_only(run: Run):
    judging = Judging(run)
    judge_all(judging, "ada", lambda _: "left", most=9)
    assert judging.tally("ada") is None
    answer = judging.next("ada")
    assert answer is not None
    assert answer["tally"] is None
    assert [set(one) for one in answer["shown"]] == [{"id", "choice"}] * 9
    assert "tuned" not in json.dumps(answer).replace(json.dumps(answer["request"]), "")
    judge_all(judging, "ada", lambda _: "left", most=1)
    found = judging.tally("ada")
    assert found is not None
    rows = file_of(run, "ada")["judgements"]
    assert found["candidate"] == sum(row["left"] == "tuned" for row in rows)
    assert found["candidate"] + found["baseline"] == 10
    assert found["names"] == {"candidate": "tuned", "baseline": "prompted"}
    assert found["low"] <= found["share"] <= found["high"]


def test_a_choice_may_be_changed_marks_are_kept_and_skipped_requests_come_later(run: Run):
    judging = Judging(run)
    first = judging.next("ada")["request"]["id"]
    judging.judge("ada", first, "left", marks={"left_acceptable": True, "right_acceptable": False})
    judging.judge("ada", first, "equal", seconds=float("inf"), marks={"left_acceptable": False})
    [row] = file_of(run, "ada")["judgements"]
    assert (row["choice"], row["seconds"], row["left_acceptable"]) == ("equal", None, False)
    assert "right_acceptable" not in row
    second = judging.next("ada")["request"]["id"]
    skipped = judging.next("ada", skip=[second])
    assert skipped["request"]["id"] not in (first, second)
    assert judging.request("ada", second)["id"] == second
    assert judging.next("ada")["request"]["id"] == second


@pytest.mark.parametrize(
    ("id", "choice", "marks", "said"),
    [
        ("nobody", "left", {}, "not among those to judge"), (None, "both", {}, "expected left, right or equal"),
        (None, "left", {"left_good": True}, "left_acceptable"), (None, "left", {"left_acceptable": 1}, "true or false"),
    ],
)  # fmt: skip
def test_what_is_no_choice_is_refused_and_nothing_written(run: Run, id: str | None, choice: str, marks: Any, said: str):
    judging = Judging(run)
    with pytest.raises(ConfigError, match=said):
        judging.judge("ada", id or judging.next("ada")["request"]["id"], choice, marks=marks)
    assert not (run.folder / "judgements" / "ada.json").exists()


def test_a_run_that_compared_nothing_has_nothing_to_judge(tmp_path: Path):
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    judging = Judging(Run(tmp_path))
    assert not judging.possible
    assert judging.next("ada") is None
    assert judging.differing() == []
    with pytest.raises(ConfigError, match="not among those to judge"):
        judging.judge("ada", "p1", "left")


def test_judgements_of_earlier_outputs_are_put_aside_and_not_lost(run: Run):
    judging = Judging(run)
    judge_all(judging, "ada", lambda _: "left", most=3)
    before = file_of(run, "ada")
    file = run.folder / "evaluate" / "outputs.jsonl"
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    file.write_text(
        "".join(json.dumps({**line, "output": line["output"] + "!"}) + "\n" for line in lines), encoding="utf-8"
    )
    assert judging.next("ada")["judged"] == 0
    judge_all(judging, "ada", lambda _: "right", most=1)
    assert len(file_of(run, "ada")["judgements"]) == 1
    [aside] = (run.folder / "judgements" / "earlier").iterdir()
    assert json.loads(aside.read_text(encoding="utf-8")) == before


def test_a_file_damaged_by_another_hand_is_said_and_not_overwritten(run: Run):
    judging = Judging(run)
    judge_all(judging, "ada", lambda _: "left", most=1)
    file = run.folder / "judgements" / "ada.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"choice": "left"', '"choice": "both"'), encoding="utf-8")
    with pytest.raises(DataError, match="expected left, right or equal"):
        judging.next("ada")
    file.write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="not readable as JSON"):
        judge_all(judging, "ada", lambda _: "left", most=1)
    assert file.read_text(encoding="utf-8") == "{"


def test_a_disk_that_refuses_keeps_the_earlier_choices(run: Run, monkeypatch: pytest.MonkeyPatch):
    judging = Judging(run)
    judge_all(judging, "ada", lambda _: "left", most=2)
    before = (run.folder / "judgements" / "ada.json").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunBroken, match="No space left"):
        judge_all(judging, "ada", lambda _: "left", most=1)
    assert (run.folder / "judgements" / "ada.json").read_bytes() == before
    assert [file.name for file in (run.folder / "judgements").iterdir() if "part" in file.name] == []


# --- several people --------------------------------------------------------------------------------------------------------


def favour(run: Run, variant: str) -> Any:
    """Chooses the side with this variant's output."""
    stored = read_run(run.folder)
    return lambda one: "left" if stored.outputs[one["id"], variant]["output"] == one["left"] else "right"


def test_people_who_differ_are_settled_by_a_third_one(run: Run):
    judging = Judging(run)
    assert judging.differing() == []
    judge_all(judging, "ada", favour(run, "tuned"), most=6)
    judge_all(judging, "bob", favour(run, "prompted"))
    differing = judging.differing()
    assert {one.id for one in differing} == {row["id"] for row in file_of(run, "ada")["judgements"]}
    assert {(one.people, one.decided) for one in differing} == {(2, None)}
    one = differing[0]
    with pytest.raises(ConfigError, match="another person"):
        judging.settle("ada", one.id, "left")
    judging.settle("cyd", one.id, "left")
    settled = {found.id: found for found in judging.differing()}[one.id]
    assert (settled.left, settled.right, settled.people, settled.decided) == (one.left, one.right, 3, "left")
    [row] = file_of(run, "cyd")["judgements"]
    assert read_run(run.folder).outputs[one.id, row[row["choice"]]]["output"] == one.left
    judging.settle("cyd", differing[1].id, "equal")
    assert {found.id: found.decided for found in judging.differing()}[differing[1].id] == "equal"


HOSTILE = [
    "../../etc/passwd", "..", ".", "", " ", "con", "NUL", "nul", "a/b", "a\\b", "C:\\x", "ada", "Ada", "ADA", "ädä", "a.json",
    ".lock", "earlier", "_ada", "x" * 80, "<script>alert(1)</script>", "\u202eada", "名前", "ada ", "-rf", "~", "%2e%2e", "com1",
    "ａｄａ",
]  # fmt: skip


def test_any_name_has_a_file_of_its_own_in_the_folder(run: Run):
    judging = Judging(run)
    id_ = judging.next("x")["request"]["id"]
    accepted = [who for who in HOSTILE if who.isprintable()]
    for number, who in enumerate(accepted):
        judging.judge(who, id_, "left", seconds=number)
    with pytest.raises(ConfigError, match="cannot be shown"):
        judging.judge("\u202eada", id_, "left")
    people = {person(who) for who in accepted}
    files = {file.name for file in judging.folder.glob("*.json")}
    assert len(files) == len(people) == len({name.casefold() for name in files})
    assert all(name.isascii() and len(name) < 80 for name in files)
    assert {json.loads((judging.folder / name).read_text(encoding="utf-8"))["judge"] for name in files} == people
    assert {path.name for path in run.folder.parent.iterdir()} == {"run"}
    with pytest.raises(ConfigError, match="shorten it to 80"):
        judging.next("x" * 81)


@given(st.text(max_size=80), st.text(max_size=80))
def test_two_names_share_a_file_only_if_they_are_one(one: str, other: str):
    names = []
    for who in (one, other):
        try:
            names.append(person(who))
        except ConfigError:
            return
    files = [file_name(name) for name in names]
    assert (files[0].casefold() == files[1].casefold()) == (names[0] == names[1])
    assert all(Path(file).name == file and file.endswith(".json") and not file.startswith(".") for file in files)


OPEN = """
import sys, json
from tuneworth.project import Run
from tuneworth.review import Judging
judging = Judging(Run(sys.argv[1]))
judging.next(sys.argv[2])
"""
JUDGE = """
for id in json.loads(sys.argv[3]):
    judging.judge(sys.argv[2], id, "left", seconds=1)
    print(id, flush=True)
"""


@pytest.mark.slow
def test_several_processes_of_one_and_several_people_lose_no_choice(run: Run):
    ids = list(Judging(run)._compared().inputs)
    shares = [("ada", ids[0::3]), ("ada", ids[1::3]), ("ada", ids[2::3]), ("bob", ids)]
    assert run_together(OPEN, JUDGE, [(str(run.folder), who, json.dumps(some)) for who, some in shares]) == [0] * 4
    for who in ("ada", "bob"):
        assert sorted(row["id"] for row in file_of(run, who)["judgements"]) == sorted(ids)


@pytest.mark.slow
def test_what_was_said_to_be_saved_survives_a_kill(run: Run):
    ids = list(Judging(run)._compared().inputs)
    said: list[str] = []
    for wait in (0.0, 0.02, 0.05):
        left = [id_ for id_ in ids if id_ not in said]
        words = [sys.executable, "-c", OPEN + JUDGE, str(run.folder), "ada", json.dumps(left)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as began:
            assert began.stdout is not None
            said.append(began.stdout.readline().strip())
            time.sleep(wait)
            began.send_signal(signal.SIGKILL)
            said += [line.strip() for line in began.stdout if line.endswith("\n")]
        kept = {row["id"] for row in file_of(run, "ada")["judgements"]}
        assert set(said) <= kept
    assert len(said) >= 3
    assert Judging(run).next("ada")["judged"] >= len(said)
