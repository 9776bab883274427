"""Every action of every kind, by its key, from a run that has all kinds: what is written is what the button says."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tuneworth.project import Run
from tuneworth.review import KINDS, Judging, kind_named

from ..reports.chromium import Window
from ..shared import unsealed
from .served import Served, serving
from .small_runs import all_kinds, curated, evaluated, lines_of, pair, plain_pairs, with_losses
from .workbench import Workbench, open_page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Rules that nobody has read reject no row, and mispaired rows need hundreds of pairs: no run has them beside the others.
ELSEWHERE = ("unreviewed", "mispaired")
ABOUT_ONE = [kind.name for kind in KINDS if kind.name not in ("conflict", "disagreement", *ELSEWHERE)]
# What an action writes about the sides of a row, in order.
WRITES = {
    "left": ["keep", "drop"], "right": ["drop", "keep"], "both": ["keep", "keep"], "neither": ["drop", "drop"],
    "drop": ["drop"], "keep": ["keep"], "accept": ["keep"], "use": ["keep"], "wrong": ["keep"], "move": ["test"],
}  # fmt: skip


def whole_run(folder: Path) -> Run:
    """A run with rows of all kinds: curated, its losses noted, evaluated, and judged by two people who differ."""
    lamps = [pair(n, f"Lamp {n} for {n * 7} V.") for n in range(200, 230)]
    run = curated(folder, [*all_kinds(), *plain_pairs(30, 300), *lamps])
    test = {id: line["output"] for id, line in lines_of(run, "test").items()}
    good = [id for id, line in lines_of(run, "test").items() if line["reference_ok"]]
    run = evaluated(run, {id: "Something else" if id == good[0] else f"{text} as well" for id, text in test.items()})
    train = [*lines_of(run, "train")]
    with_losses(run, {id: 9.5 if number == 3 else 1 + number / 100 for number, id in enumerate(train)})
    leak = {"id": good[1], "split": "test", "train_id": train[0], "similarity": 0.9, "same_output": False}
    summary = run.curation | {"meaning": {"model": "m", "threshold": 0.8, "rows": [leak]}}
    (unsealed(run.folder) / "curate" / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    judging = Judging(run)
    for name, wanted in (("ann", test[good[2]]), ("bo", f"{test[good[2]]} as well")):
        shown = judging.request(name, good[2])
        judging.judge(name, good[2], "left" if shown["left"] == wanted else "right")
    return run


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    run = whole_run(tmp_path_factory.mktemp("kinds") / "parts")
    with serving(run.folder, "--who", "Ada") as running:
        running.client().settled()
        yield running


@pytest.fixture
def file(served: Served) -> Path:
    """The file of decisions, not there yet."""
    path = Path(served.said["overrides"])
    path.unlink(missing_ok=True)
    return path


def opened(window: Window, served: Served, kind: str) -> Workbench:
    bench = open_page(window, served, f"#queue/{kind}")
    bench.sees(kind_named(kind).title, "h1")
    bench.sees(kind_named(kind).reason, ".lead")
    return bench


def test_the_run_has_its_kinds_in_the_order_of_their_worth(window: Window, served: Served) -> None:
    bench = open_page(window, served)
    shown = bench.page.locator(".kinds .title").all_inner_texts()
    assert shown == [kind.title for kind in KINDS if kind.name not in ELSEWHERE]


@pytest.mark.parametrize("kind", ["conflict", *ABOUT_ONE])
def test_each_key_writes_what_its_button_says_and_undo_takes_it_back(
    window: Window, served: Served, file: Path, kind: str
) -> None:
    bench = opened(window, served, kind)
    offered = [button.get_attribute("value") for button in bench.page.locator("#actions button").all()]
    possible = {action.name: action.key for action in kind_named(kind).actions}
    assert set(offered) == set(possible) - ({"accept"} if "accept" not in offered else set())
    first = bench.row()
    for action in [name for name in offered if name != "edit"]:
        bench.decide(possible[action or ""])
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        assert [line["decision"] for line in lines] == WRITES[action or ""], action
        bench.forget()
        bench.press("u")
        bench.hears("Taken back: ")
        bench.until(f"location.hash === {first!r}")
        bench.row()


def test_a_disagreement_is_settled_by_a_third_person(window: Window, served: Served, file: Path) -> None:
    bench = opened(window, served, "disagreement")
    bench.decide("3")
    bench.sees("Disagreements: all decided", "h1")
    judged = Path(served.said["run"]) / "judgements"
    choices = {
        saved["judge"]: saved["judgements"][0]["choice"]
        for saved in (json.loads(path.read_text(encoding="utf-8")) for path in judged.glob("*.json"))
    }
    assert choices["Ada"] == "equal"
    assert not file.exists(), "it is no decision about a row"
