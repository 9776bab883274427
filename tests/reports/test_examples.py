"""Which examples are shown and how: the rule, the words that open the section, the marks and notes, the size."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuneworth.reports import read_run, write_report
from tuneworth.reports.sections.examples.examples import chosen_by, kind_words, lead
from tuneworth.reports.sections.examples.gallery import choose_examples
from tuneworth.reports.stored import StoredRun

from ..shared import results_of

Make = Callable[..., Path]
CARD = re.compile(r'<article class="card.*?</article>', re.DOTALL)
FIVE = ("plain", "prompted", "short", "rival", "tuned")


def read(run: Path, **options: bool) -> str:
    return write_report(run, **options)[0].read_text(encoding="utf-8")


def rewrite(path: Path, change: Callable[[int, dict[str, Any]], None]) -> None:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for number, line in enumerate(lines):
        change(number, line)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def invented(kinds: list[str], *, names: tuple[str, ...] = ("base", "new"), others: tuple[str, ...] = ()) -> StoredRun:
    """A run of rows of these kinds: lost, won, both, neither or unscored; `others` are scored, without outputs."""
    good = {"lost": (1, 0), "won": (0, 1), "both": (1, 1), "neither": (0, 0), "unscored": (None, 1)}
    outputs = {
        (f"r{number}", name): {
            "acceptable": None if good[kind][side] is None else bool(good[kind][side]),
            "output": "x",
        }
        for number, kind in enumerate(kinds)
        for side, name in enumerate(names)
    }
    counts = {
        "only_candidate": kinds.count("won"), "only_baseline": kinds.count("lost"), "both": kinds.count("both"),
        "neither": kinds.count("neither"),
    }  # fmt: skip
    compared = {"baseline": names[0], "candidate": names[-1], **counts} if len(names) > 1 else None
    quality = {name: {"n": len(kinds), "acceptable": {"share": 0.5}} for name in (*names, *others)}
    pairs = {f"r{number}": {"input": "q", "output": "a"} for number in range(len(kinds))}
    return StoredRun(Path("nowhere"), results_of({"quality": quality, "comparison": compared}), pairs, outputs)


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        (["won"] * 30 + ["lost"] * 8 + ["both"] * 46,
         "The two differ on 38 of 84 requests: only “new” is acceptable in 30 cases, only “base” in 8."),
        (["both"] * 84, "“new” and “base” are both acceptable on all 84 requests."),
        (["neither"] * 2, "Neither “new” nor “base” is acceptable on any of 2 requests."),
        (["neither", "both"],
         "The two do equally well on each of 2 requests: both are acceptable on 1, neither on 1."),
        (["won"], "The two differ on 1 of 1 request: only “new” is acceptable in 1 case, only “base” in 0."),
    ],
)  # fmt: skip
def test_the_section_opens_with_what_it_found(kinds: list[str], said: str):
    assert lead(invented(kinds)) == said


def test_the_section_opens_with_something_whatever_is_missing():
    alone = invented(["won", "neither"], names=("new",))
    assert lead(alone) == "“new” is acceptable on 1 of 2 requests."
    empty = StoredRun(Path("nowhere"), results_of(), {}, {})
    assert "none of which could be scored" in lead(empty)
    unscored = StoredRun(
        Path("nowhere"), results_of({"quality": {"new": {"n": 0, "acceptable": {"share": None}}}}), {}, {}
    )
    assert "none of which could be scored" in lead(unscored)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        (["won"] * 3 + ["both"] * 7, "All 10 requests are shown, the 3 on which the two differ first."),
        (["won"] * 30 + ["lost"] * 20 + ["neither"] * 250,
         "200 of 300 requests are shown: all 50 on which the two differ, then others selected by a fixed shuffle."),
        (["won"] * 300 + ["lost"] * 20,
         "200 of 320 requests are shown, all of them from the 320 on which the two differ, selected by a fixed shuffle."),
    ],
)  # fmt: skip
def test_the_rule_of_the_choice_is_stated_and_kept(kinds: list[str], said: str):
    run = invented(kinds)
    examples = choose_examples(run)
    assert chosen_by(run, examples).startswith(said)
    shown = [row.kind for row in examples.rows]
    assert len(shown) == min(200, len(kinds))
    differing = sum(kind in ("won", "lost") for kind in kinds)
    assert sum(kind in ("won", "lost") for kind in shown) == min(200, differing)
    assert shown == sorted(shown, key=["lost", "won", "neither", "unscored", "both"].index)


def test_the_choice_does_not_follow_the_order_of_the_rows():
    run = invented(["both"] * 150 + ["neither"] * 150)
    turned = StoredRun(run.path, run.results, dict(reversed(run.pairs.items())), run.outputs)
    chosen, again = ({row.id for row in choose_examples(one).rows} for one in (run, turned))
    assert chosen == again
    assert chosen != {f"r{number}" for number in range(200)}


def test_what_became_of_a_request_is_said_with_the_names():
    run = invented(["won", "lost", "both", "neither", "unscored"])
    found = {row.kind: kind_words(run, row.kind) for row in choose_examples(run).rows}
    assert found["won"] == "only new acceptable"
    assert found["lost"] == "only base acceptable"
    assert len(set(found.values())) == 5


def test_a_row_without_an_output_is_shown_as_such():
    run = invented(["won", "won"])
    outputs = {key: line for key, line in run.outputs.items() if key != ("r0", "base")}
    [row] = [
        row for row in choose_examples(StoredRun(run.path, run.results, run.pairs, outputs)).rows if row.id == "r0"
    ]
    assert row.kind == "won"
    assert row.sides[0].notes[0].text == "this request has no output"


def test_the_mark_and_the_note_of_a_violation_lead_to_each_other(make_run: Make):
    html = read(make_run())
    ids, links = re.findall(r'id="([np]\d+-\d-\d+)"', html), re.findall(r'href="#([np]\d+-\d-\d+)"', html)
    assert len(ids) == len(set(ids)) > 60
    assert set(links) <= set(ids)
    for link in links:
        other = {"n": "p", "p": "n"}[link[0]] + link[1:]
        assert other in links, link


def test_more_violations_than_are_listed_are_counted_and_still_filter(make_run: Make):
    run = make_run()

    def broken(number: int, line: dict[str, Any]) -> None:
        if number == 0:
            place = {"found": None, "start": None, "end": None, "expected": "better"}
            line["violations"] = [{"check": f"rule {n}", **place} for n in range(15)]

    rewrite(run / "evaluate" / "outputs.jsonl", broken)
    examples = choose_examples(read_run(run))
    [side] = [side for row in examples.rows for side in row.sides if side.notes and side.notes[0].check == "rule 0"]
    assert (len(side.notes), side.more_notes) == (12, 3)
    assert "rule 14" in examples.checks
    assert "and 3 more" in read(run)


def test_the_same_fault_in_several_places_is_one_note_with_its_number_at_each(make_run: Make):
    run = make_run()
    text = "LDO, LDO and LDO, never"

    def repeat(number: int, line: dict[str, Any]) -> None:
        if number == 0:
            fault = {"check": "one-spelling", "found": "LDO", "expected": "low dropout"}
            places = [{**fault, "start": at, "end": at + 3} for at in (0, 5, 13)]
            line.update(output=text, violations=[*places, {**fault, "found": "never", "start": 18, "end": 23}])

    rewrite(run / "evaluate" / "outputs.jsonl", repeat)
    [side] = [side for row in choose_examples(read_run(run)).rows for side in row.sides if "never" in side.text]
    assert [(note.times, note.placed) for note in side.notes] == [(3, True), (1, True)]
    assert re.findall(r">(\d)</a>", side.text) == ["1", "1", "1", "2"]
    assert "expected: low dropout (3 times)<li" in read(run)


def test_a_card_carries_the_places_of_its_checks_in_the_filter(make_run: Make):
    run = make_run()
    examples, html = choose_examples(read_run(run)), read(run)
    options = re.search(r'<select name="check">(.*?)</select>', html, re.DOTALL)
    assert options is not None
    offered = re.findall(r'<option value="([^"]+)">', options[1])
    assert offered == list(examples.checks)
    cards = re.findall(r'data-checks="([\d ]*)"', html)
    assert [sorted(offered[int(place)] for place in card.split()) for card in cards] == [
        sorted(row.checks) for row in examples.rows
    ]


def test_only_groups_of_several_rows_can_be_chosen():
    run = invented(["won"] * 6)
    for id_, group in zip(run.pairs, ["a", "a", "b", None, "c", "c"], strict=True):
        run.pairs[id_]["group"] = group
    assert choose_examples(run).groups == ("a", "c")


@pytest.mark.slow
def test_the_outputs_of_all_other_variants_are_in_the_card(evaluated_run: Make):
    html = read(evaluated_run(variants=FIVE))
    cards = CARD.findall(html)
    assert len(cards) == 84
    assert [n for n, card in enumerate(cards) if '<details class="others">' in card] == list(range(20))
    assert "only the first 20 show the other variants" in html
    for card in cards[:20]:
        names = re.findall(r"<h4><bdi>([^<]+)</bdi>", card)
        same = re.findall(r"the same: ([^<]+)<", card)
        assert names[:2] == ["rival", "tuned"]
        assert sorted("; ".join([*names, *same]).split("; ")) == sorted(FIVE)


def test_outputs_that_are_the_same_are_shown_once_and_name_their_variants():
    run = invented(["won", "won"], others=("x", "y", "z"))
    for name, text, good in (("x", "No.", False), ("y", "No.", False), ("z", None, True)):
        for id_ in run.pairs:
            output = run.outputs[id_, "new"]["output"] if text is None else text
            run.outputs[id_, name] = {
                "id": id_,
                "variant": name,
                "output": output,
                "acceptable": good,
                "violations": [],
            }
    for row in choose_examples(run).rows:
        assert [side.also for side in row.sides] == [(), ("z",)]
        assert [(other.name, other.also) for other in row.others] == [("x", ("y",))]
        numbers = [run.variants.index(name) for name in ("x", "y")]
        assert row.others[0].variants == " ".join(map(str, numbers))


@pytest.mark.slow
def test_one_variant_alone_has_neither_blind_judging_nor_differences(evaluated_run: Make):
    html = read(evaluated_run(variants=("tuned",), roi=None))
    assert len(CARD.findall(html)) == 84
    assert 'id="blind"' not in html
    assert "Judge blind" not in html.split("<script")[0]
    assert "only differences" not in html.split("<script")[0]


def test_a_card_costs_little_beside_its_texts(make_run: Make):
    run = make_run()
    rewrite(run / "evaluate" / "outputs.jsonl", lambda _, line: line.update(output="", violations=[]))
    rewrite(run / "curate" / "test.jsonl", lambda _, pair: pair.update(output="", fields=None, input=""))
    cards = CARD.findall(read(run))
    assert sum(len(card) for card in cards) / len(cards) < 900


def test_hostile_names_ids_groups_and_checks_stay_text(make_run: Make):
    attack = "\"><script>alert(1)</script><img src=x onerror=alert(1)> {{7*7}} ' `"
    run = make_run(change=lambda results: results["comparison"].update(candidate=attack))
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    results["quality"][attack] = results["quality"].pop("tuned")
    (run / "results.json").write_text(json.dumps(results), encoding="utf-8")

    def poison(number: int, line: dict[str, Any]) -> None:
        line["variant"] = attack if line["variant"] == "tuned" else line["variant"]
        line["output"] = attack
        line["violations"] = [{"check": attack, "found": attack, "start": 0, "end": 20, "expected": attack}]
        line["id"] = line["id"] + attack

    rewrite(run / "evaluate" / "outputs.jsonl", poison)
    rewrite(
        run / "curate" / "test.jsonl",
        lambda _, pair: pair.update(id=pair["id"] + attack, group=attack, output=attack, fields={attack: attack}),
    )
    html = read(run)
    assert html.count("<script") == clean_scripts(html)
    assert "<img" not in html
    assert "onerror=alert(1)&gt;" in html


def clean_scripts(html: str) -> int:
    """The page's own scripts: the one that runs, and blocks of data."""
    return len(re.findall(r"<script>|<script type=\"application/json\"", html))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["invented", "real"])
def test_without_examples_no_piece_of_any_text_is_in_any_file(make_run: Make, evaluated_run: Make, kind: str):
    run = make_run() if kind == "invented" else evaluated_run(roi=None)
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    results["judgements"] = judged("A name that somebody typed into the page")
    (run / "results.json").write_text(json.dumps(results), encoding="utf-8")
    written = "".join(path.read_text(encoding="utf-8") for path in write_report(run, examples=False))
    pieces = {"A name that somebody typed into the page"} | {
        text[at : at + 20] for text in texts_of(run) for at in range(max(1, len(text) - 19)) if len(text) >= 20
    }
    found = [piece for piece in pieces if piece in written]
    assert len(pieces) > 1000
    assert found == []
    shown = "".join(path.read_text(encoding="utf-8") for path in write_report(run))
    assert sum(piece in shown for piece in sorted(pieces)[::20]) > len(pieces) / 100, "the search finds what is shown"


def texts_of(run: Path) -> list[str]:
    """Every input, field, output and reference of the run's files."""
    texts = []
    for path in run.rglob("*.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            fields = [value for value in (row.get("fields") or {}).values() if isinstance(value, str)]
            texts += [str(row.get(key) or "") for key in ("input", "output")] + fields
    return texts


def judged(name: str) -> dict[str, Any]:
    part = {
        "rows": 2, "candidate": 1, "baseline": 1, "equal": 0, "n": 2, "n_effective": 2.0, "groups": None,
        "preferred": {"share": 0.5, "low": 0.1, "high": 0.9}, "method": "Wilson's interval", "p_value": 1.0,
    }  # fmt: skip
    against = {"choices": 0, "same": 0, "other": 0, "equal": 0}
    return {
        "baseline": "prompted", "candidate": "tuned", "outputs": "x", "judges": [{"judge": name, "seed": 1, **part}],
        "together": part, "agreement": None, "checks": {"candidate": against, "baseline": against},
    }  # fmt: skip
