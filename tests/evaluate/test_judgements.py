"""People's preferences: checked files and counted choices, against scipy's tests and the shares of single rows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tuneworth.core import DataError, as_json
from tuneworth.evaluate import JudgedRun, read_judgements
from tuneworth.evaluate import judgement_results as judgement_records
from tuneworth.evaluate.scores.judgements import SCHEMA, Judgements

IDS = [f"pair {n}" for n in range(40)]
RUN = JudgedRun(
    outputs="a" * 64, baseline="prompted", candidate="tuned", groups=dict.fromkeys(IDS),
    acceptable={id_: [(False, True), (True, False), (True, True), None][n % 4] for n, id_ in enumerate(IDS)},
)  # fmt: skip
Choices = dict[str, str]
SIDES = st.sampled_from(["candidate", "baseline", "equal"])
CHOICES = st.dictionaries(st.sampled_from(IDS), SIDES, min_size=1)


def judgement_results(judged: list[Judgements], run: JudgedRun) -> Any:
    """What they say together, as in results.json."""
    return as_json(judgement_records(judged, run))


def content(choices: Choices | None = None, **changed: Any) -> dict[str, Any]:
    """A file as the page saves it: every second row has the candidate on the left."""
    rows = []
    for number, (id_, side) in enumerate((choices or {IDS[0]: "candidate", IDS[1]: "equal"}).items()):
        left, right = ("tuned", "prompted") if number % 2 else ("prompted", "tuned")
        chosen = "equal" if side == "equal" else "left" if (left == "tuned") == (side == "candidate") else "right"
        rows.append({"id": id_, "left": left, "right": right, "choice": chosen, "seconds": 2.5})
    about = {"created": "2026-11-26T10:00:00+00:00", "outputs": RUN.outputs}
    return {"schema": SCHEMA, "run": about, "seed": 7, "judge": "", "judgements": rows, **changed}


def row(**changed: Any) -> dict[str, Any]:
    return content(judgements=[{**content()["judgements"][0], **changed}])


def write(folder: Path, *contents: Any) -> list[Path]:
    paths = [folder / f"{number}.json" for number in range(len(contents))]
    for path, found in zip(paths, contents, strict=True):
        path.write_text(json.dumps(found), encoding="utf-8")
    return paths


def people(*choices: Choices) -> list[Judgements]:
    return [Judgements(judge="", seed=seed, choices=found) for seed, found in enumerate(choices)]


@given(CHOICES)
def test_choosing_a_side_chooses_the_variant_on_that_side(tmp_path_factory: pytest.TempPathFactory, choices: Choices):
    paths = write(tmp_path_factory.mktemp("judged"), content(choices))
    assert read_judgements(paths, RUN)[0].choices == choices


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], "expected the schema 'tuneworth/judgements/1', found None"),
        (None, "expected the schema"),
        (content(schema="tuneworth/judgements/2"), "found 'tuneworth/judgements/2'"),
        (content(run={"outputs": "b" * 64}), "another run (outputs bbbbbbbbbbbb, this run has aaaaaaaaaaaa)"),
        (content(run=None), "another run (outputs none"),
        (content(run={"outputs": 5}), "another run (outputs none"),
        (content(judgements={}), "judgements: expected a list"),
        (content(seed="7"), "seed: expected a whole number, found '7'"),
        (content(seed=True), "seed: expected a whole number, found True"),
        (content(judge=["x"]), "judge: expected a text, found ['x']"),
        (content(judge=["x" * 9_000]), "judge: expected a text, found ['x"),
        (content(seed="x" * 9_000), "seed: expected a whole number, found 'x"),
        (content(schema="x" * 9_000), "expected the schema 'tuneworth/judgements/1', found 'x"),
        (content(judgements=[5]), "judgement 1: expected an object, found 5"),
        (row(id="pair 99"), "judgement 1: the id 'pair 99' is not among the tested pairs"),
        (row(id=None), "judgement 1: the id None is not among the tested pairs"),
        (row(choice="both"), "judgement 1: choice: expected left, right or equal, found 'both'"),
        (row(choice=["left"]), "expected left, right or equal, found ['left']"),
        (row(left="rival"), "judgement 1: compares 'rival' and 'tuned', but this run compares 'prompted' and 'tuned'"),
        (row(left="tuned", right="tuned"), "judgement 1: compares 'tuned' and 'tuned'"),
        (row(left_acceptable="no"), "judgement 1: left_acceptable: expected true or false, found 'no'"),
        (row(right_acceptable=0), "judgement 1: right_acceptable: expected true or false, found 0"),
        (content(judgements=content()["judgements"] * 2), "judgement 3: the id 'pair 0' is listed twice; 1 more"),
    ],
)  # fmt: skip
def test_an_invalid_file_is_reported_with_its_location_in_few_lines(tmp_path: Path, found: Any, said: str):
    [path] = write(tmp_path, found)
    with pytest.raises(DataError) as error:
        read_judgements([path], RUN)
    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert str(error.value).count("\n") <= 2
    assert len(str(error.value)) < 800


@pytest.mark.parametrize("text", ["", "{", "\x00", "[" * 100_000, '{"schema": 1} x'])
def test_invalid_json_is_reported(tmp_path: Path, text: str):
    path = tmp_path / "broken.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"not readable as JSON"):
        read_judgements([path], RUN)


def test_bytes_that_are_not_text_are_reported(tmp_path: Path):
    (tmp_path / "x.json").write_bytes(b"\xff\xfe\xfa{")
    with pytest.raises(DataError, match="not readable as JSON"):
        read_judgements([tmp_path / "x.json"], RUN)


def test_a_huge_file_is_rejected_before_it_is_read(tmp_path: Path):
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(6_000_000)
    with pytest.raises(DataError, match="larger than 5,000,000 bytes"):
        read_judgements([tmp_path / "huge.json"], RUN)


def test_a_missing_file_and_a_folder_are_reported(tmp_path: Path):
    for path, said in ((tmp_path / "none.json", "cannot be read"), (tmp_path, "is a folder; name the file in it")):
        with pytest.raises(DataError, match=said):
            read_judgements([path], RUN)


def test_a_session_given_twice_counts_once(tmp_path: Path):
    assert len(read_judgements(write(tmp_path, content(), content()), RUN)) == 1
    assert len(read_judgements(write(tmp_path, content(), content(seed=8)), RUN)) == 2


def test_marks_are_read_for_the_variant_on_their_side(tmp_path: Path):
    marked = {"left": "tuned", "right": "prompted", "choice": "left", "left_acceptable": True, "right_acceptable": None}
    rows = [{"id": IDS[0], **marked}, {"id": IDS[1], **marked, "left_acceptable": False, "right_acceptable": True}]
    [found] = read_judgements(write(tmp_path, content(judgements=rows)), RUN)
    assert found.acceptable == {
        (IDS[0], "candidate"): True, (IDS[1], "candidate"): False, (IDS[1], "baseline"): True,
    }  # fmt: skip
    with pytest.raises(DataError, match="another state of the session"):
        read_judgements(write(tmp_path, content(judgements=rows), content(judgements=rows[:1])), RUN)


def test_two_states_of_one_session_are_an_error_that_names_both(tmp_path: Path):
    first, second = write(tmp_path, content(), content({IDS[0]: "baseline"}))
    with pytest.raises(DataError) as error:
        read_judgements([first, second], RUN)
    assert str(first) in str(error.value)
    assert str(second) in str(error.value)


def test_ids_and_names_with_unprintable_characters_are_matched(tmp_path: Path):
    run = JudgedRun("a" * 64, "pro\x00mpted", "tuned", {"a\r\nb\ud800": None}, {})
    shown = {"id": "a\nb\ufffd", "left": "pro\ufffdmpted", "right": "tuned", "choice": "left"}
    [found] = read_judgements(write(tmp_path, content(judgements=[shown])), run)
    assert found.choices == {"a\r\nb\ud800": "baseline"}


@given(CHOICES)
def test_the_share_and_p_of_one_person_equal_those_of_scipy(choices: Choices):
    found = judgement_results(people(choices), RUN)
    assert found is not None
    together, sides = found["together"], list(choices.values())
    won, lost = sides.count("candidate"), sides.count("baseline")
    assert (together["candidate"], together["baseline"]) == (won, lost)
    assert together["equal"] == len(choices) - won - lost
    if won + lost == 0:
        assert together["preferred"] == {"share": None, "low": None, "high": None}
        assert together["p_value"] is None
        return
    exact = stats.binomtest(won, won + lost)
    wilson = exact.proportion_ci(method="wilson")
    assert together["p_value"] == pytest.approx(exact.pvalue, abs=1e-12)
    assert together["preferred"] == pytest.approx(
        {"share": won / (won + lost), "low": wilson.low, "high": wilson.high}, abs=1e-12
    )


@given(st.lists(CHOICES, min_size=2, max_size=4))
def test_a_row_of_several_judges_counts_once_with_their_mean(choices: list[Choices]):
    found = judgement_results(people(*choices), RUN)
    assert found is not None
    rows: dict[str, list[int]] = {}
    for one in choices:
        for id_, side in one.items():
            if side != "equal":
                rows.setdefault(id_, []).append(int(side == "candidate"))
    share = float(np.mean([np.mean(votes) for votes in rows.values()])) if rows else None
    assert found["together"]["preferred"]["share"] == (None if share is None else pytest.approx(share))
    assert found["together"]["n"] == len(rows)
    assert found["together"]["rows"] == len({id_ for one in choices for id_ in one})


@given(st.lists(CHOICES, min_size=2, max_size=3))
def test_the_order_of_the_files_does_not_change_the_total(choices: list[Choices]):
    one, other = (judgement_results(people(*order), RUN) for order in (choices, choices[::-1]))
    assert one is not None
    assert other is not None
    for key in ("agreement", "checks"):
        assert one[key] == other[key]
    assert one["together"]["preferred"] == pytest.approx(other["together"]["preferred"])


@given(CHOICES)
def test_swapping_every_choice_mirrors_the_share(choices: Choices):
    swapped = {id_: {"candidate": "baseline", "baseline": "candidate"}.get(side, side) for id_, side in choices.items()}
    one, other = (judgement_results(people(found), RUN) for found in (choices, swapped))
    assert one is not None
    assert other is not None
    ours, theirs = one["together"]["preferred"], other["together"]["preferred"]
    if ours["share"] is not None:
        assert ours["low"] == pytest.approx(1 - theirs["high"], abs=1e-12)
        assert one["together"]["p_value"] == pytest.approx(other["together"]["p_value"])


def test_groups_that_agree_count_less_than_single_rows():
    grouped = JudgedRun(RUN.outputs, "prompted", "tuned", {id_: n // 8 for n, id_ in enumerate(IDS)}, {})
    choices = {id_: "candidate" if n < 32 else "baseline" for n, id_ in enumerate(IDS)}
    [alone, together] = [judgement_results(people(choices), run) for run in (RUN, grouped)]
    assert alone is not None
    assert together is not None
    assert together["together"]["groups"] == 5
    assert together["together"]["preferred"]["low"] < alone["together"]["preferred"]["low"]
    assert together["together"]["p_value"] > alone["together"]["p_value"]


def test_agreement_is_the_share_of_same_choices_on_rows_of_both():
    first = {IDS[0]: "candidate", IDS[1]: "equal", IDS[2]: "baseline", IDS[3]: "candidate"}
    second = {IDS[0]: "candidate", IDS[1]: "baseline", IDS[2]: "baseline", IDS[9]: "candidate"}
    found = judgement_results(people(first, second), RUN)
    assert found is not None
    assert found["agreement"]["rows"] == 3
    assert found["agreement"]["share"] == pytest.approx(2 / 3)
    alone = judgement_results(people(first), RUN)
    assert alone is not None
    assert alone["agreement"] is None


def test_choices_are_compared_with_checks_that_accept_only_one_side():
    # Of every four rows, the checks accept only the candidate, only the baseline, both; the fourth was not scored.
    choices = dict(zip(IDS[:12], ["candidate", "candidate", "baseline", "equal"] * 3, strict=True))
    found = judgement_results(people(choices), RUN)
    assert found is not None
    assert found["checks"]["candidate"] == {"choices": 3, "same": 3, "other": 0, "equal": 0}
    assert found["checks"]["baseline"] == {"choices": 3, "same": 0, "other": 3, "equal": 0}


@pytest.mark.parametrize("choices", [(), ({},), ({}, {})])
def test_without_a_choice_there_is_no_result(choices: tuple[Choices, ...]):
    assert judgement_results(people(*choices), RUN) is None


def test_a_judge_without_a_choice_is_dropped():
    found = judgement_results(people({}, {IDS[0]: "candidate"}), RUN)
    assert found is not None
    assert [judge["seed"] for judge in found["judges"]] == [1]


MARKS = st.dictionaries(st.tuples(st.sampled_from(IDS), st.sampled_from(["candidate", "baseline"])), st.booleans())


@given(st.lists(st.tuples(CHOICES, MARKS), min_size=1, max_size=4))
def test_rules_are_compared_with_most_people_on_marked_outputs_and_on_preferences(given_: list[tuple[Choices, Any]]):
    found = judgement_results(
        [Judgements(judge="", seed=seed, choices=one, acceptable=marks) for seed, (one, marks) in enumerate(given_)],
        RUN,
    )
    assert found is not None
    marked: dict[Any, list[bool]] = {}
    preferred: dict[Any, list[bool]] = {}
    for choices, marks in given_:
        for (id_, side), good in marks.items():
            if (rules := RUN.acceptable[id_]) is not None:
                marked.setdefault((id_, side, rules[side == "candidate"]), []).append(good)
        for id_, side in choices.items():
            if (rules := RUN.acceptable[id_]) in ((False, True), (True, False)) and side != "equal":
                preferred.setdefault((id_, None, rules[1]), []).append(side == "candidate")
    for basis, items in (("acceptable", marked), ("preferences", preferred)):
        votes = {item: sum(values) / len(values) for item, values in items.items() if sum(values) * 2 != len(values)}
        rules = found["rules"][basis]
        if not votes:
            assert rules is None
            continue
        apart = {(id_, side) for (id_, side, rule), share in votes.items() if (share > 0.5) != rule}
        assert rules["n"] == len(votes)
        assert rules["agreement"]["share"] == pytest.approx(1 - len(apart) / len(votes))
        names = {"candidate": "tuned", "baseline": "prompted", None: None}
        shown = {(one["id"], one["variant"]) for one in rules["apart"]}
        assert shown <= {(id_, names[side]) for id_, side in apart}
        assert len(shown) == min(len(apart), 20)


def test_outputs_of_one_group_count_together_against_the_rules():
    grouped = JudgedRun(
        RUN.outputs, "prompted", "tuned", {**dict.fromkeys(IDS), **dict.fromkeys(IDS[:20], 7)}, RUN.acceptable
    )
    marks = {(id_, side): True for id_ in IDS for side in ("candidate", "baseline")}
    for run, groups in ((RUN, 30), (grouped, 16)):  # ten of the forty rows are not scored, five of them in the group
        found = judgement_results([Judgements("", 1, {IDS[0]: "equal"}, marks)], run)
        assert found is not None
        assert found["rules"]["acceptable"]["groups"] == groups
        assert found["rules"]["acceptable"]["n"] == 60
        assert found["rules"]["acceptable"]["recall"] is None  # people reject nothing
