"""Cut into any number of parts, in memory or stored, the pairs give what one part gives: rows, files, summary."""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuneworth.curate import ClusterSettings, Executor, Override, PinnedSplits, Processes, RayTasks
from tuneworth.curate.parts.storage import Done, Storage
from tuneworth.curate.parts.tasks import Result, Task, carry_out
from tuneworth.style import parse_style, read_style

from .both_ways import assert_equal, contents, in_parts, messy, on_one_machine, with_splits, write_files
from .conftest import ray_home
from .here import Here

NAMED = {"group": "family"}
RULES = {None, "exact_duplicate", "near_duplicate", "conflict", "empty_input", "empty_output", "unreadable"}
STYLE = """
name: Label
checks:
  - {kind: starts_with, any: [Box], id: starts}
  - {kind: punctuation, end: none, id: no-stop, level: should}
  - {kind: grounded}
  - {kind: length, unit: tokens, max: 40, id: tokens}
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files of four kinds with 160 rows of all sorts."""
    return write_files(tmp_path_factory.mktemp("messy") / "data", messy(160, 1))


@pytest.fixture(scope="module")
def style(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("style") / "style.yaml"
    path.write_text(STYLE, encoding="utf-8")
    return read_style(path)


def compare(
    path: Path,
    folder: Path,
    *,
    most_bytes: int | None = 6_000,
    buckets: int = 3,
    executor: Executor | None = None,
    **asked: Any,
) -> Any:
    """One part and many in the folder, found equal; what one part gave."""
    one = on_one_machine(path, folder / "one", **asked)
    many = in_parts(path, folder / "many", most_bytes=most_bytes, buckets=buckets, executor=executor, **asked)
    assert_equal(one, many, folder / "one", folder / "many")
    return one


@pytest.mark.slow
@pytest.mark.parametrize(("most_bytes", "buckets"), [(900, 1), (3_000, 7), (8_000, 2), (None, 3), (10**9, 5)])
def test_no_cutting_changes_anything(
    data: Path, style: Any, uncut: tuple[Path, Any], tmp_path: Path, most_bytes: int | None, buckets: int
) -> None:
    cut: dict[str, Any] = {"most_bytes": most_bytes, "buckets": buckets, "executor": Here()}
    many = in_parts(data, tmp_path, style=style, data=NAMED, **cut)
    assert_equal(uncut[1], many, uncut[0], tmp_path)


@pytest.fixture(scope="module")
def uncut(data: Path, style: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A folder, and what one part gave in it."""
    folder = tmp_path_factory.mktemp("uncut")
    ledger, summary = found = on_one_machine(data, folder, style=style, data=NAMED)
    assert set(ledger["rule"]) >= RULES
    assert summary["relations"]["siblings"] > 0
    assert summary["near_duplicate"]["method"] == "candidates"
    return folder, found


@pytest.mark.parametrize(
    "rules",
    [
        {"mask": True},
        pytest.param({"mask": True, "tie_outputs": True, "keep": "longest"}, marks=pytest.mark.slow),
        pytest.param({"tie_outputs": True, "near_duplicate": 0.6}, marks=pytest.mark.slow),
        pytest.param({"tie_siblings": True, "near_duplicate": 0.9}, marks=pytest.mark.slow),
        pytest.param({"tie_siblings": False, "near_duplicate": 0.5}, marks=pytest.mark.slow),
        pytest.param({"conflicts": "report", "keep": "first"}, marks=pytest.mark.slow),
        pytest.param({"conflicts": "keep best", "keep": "longest"}, marks=pytest.mark.slow),
        pytest.param({"conflicts": "keep best", "stratify": "kind"}, marks=pytest.mark.slow),
        pytest.param({"near_duplicate": 1.0}, marks=pytest.mark.slow),
        pytest.param({"seed": 7, "stratify": "kind"}, marks=pytest.mark.slow),
        pytest.param({"seed": 7, "data": {**NAMED, "date": "day"}}, marks=pytest.mark.slow),
        pytest.param({"data": {**NAMED, "identifiers": ("sku", "weight")}}, marks=pytest.mark.slow),
        pytest.param({"data": {"identifiers": ("name",)}, "mask": True, "stratify": "colour"}, marks=pytest.mark.slow),
        pytest.param({"stratify": "no such field"}, marks=pytest.mark.slow),
        pytest.param({"meaning": True, "tie_meaning": 0.8, "tie_siblings": False}, marks=pytest.mark.slow),
        pytest.param({"data": {"identifiers": ("wait",)}}, marks=pytest.mark.slow),
        pytest.param({"data": {"date": "name"}}, marks=pytest.mark.slow),
        {"data": {"group": "no such column"}},
    ],
    ids=str,
)
def test_every_setting_gives_the_same(data: Path, style: Any, tmp_path: Path, rules: dict[str, Any]) -> None:
    assert compare(data, tmp_path, style=style, **{"data": NAMED, **rules}) is not None


REPAIRING = parse_style("""
name: Label
checks:
  - {kind: starts_with, any: [Box], id: starts}
  - {kind: vocabulary, id: spelling, preferred: {built for: [made for]}}
  - {kind: punctuation, end: none, id: no-stop}
  - {kind: grounded}
""")


@pytest.mark.slow
@pytest.mark.parametrize("fix", ["safe", "off", "unsafe"])
def test_repairs_and_their_offer_are_the_same(data: Path, tmp_path: Path, fix: str) -> None:
    ledger, summary = compare(data, tmp_path, style=REPAIRING, data=NAMED, fix=fix, mask=fix == "unsafe")
    assert ledger["fixed"].count() == summary["fix"]["rows"]
    found = summary["fix"]["offer"] or summary["fix"]
    assert found["rows"] >= 2
    assert {"spelling", "starts"} <= set(found["examples"])


@pytest.mark.slow
def test_given_splits_held_splits_and_decisions_give_the_same(style: Any, tmp_path: Path) -> None:
    rows = with_splits(messy(200, 2), 3)
    path = write_files(tmp_path / "data", rows)
    earlier = on_one_machine(write_files(tmp_path / "earlier", messy(200, 2)[:120]), tmp_path / "first", data=NAMED)
    assert not isinstance(earlier, str)
    pinned = PinnedSplits().grown(earlier[0])
    decided = [Override(id=name, decision=what, who="reviewer") for name, what in _decisions(earlier[0])]
    kept = earlier[0].filter((earlier[0]["outcome"] == "kept") & earlier[0]["id"].str.starts_with("p"))["id"].to_list()
    given = [
        Override(id=name, decision="keep", text=f"Box with a text of Ann Lee, {name}@x.org") for name in kept[40:44]
    ]
    decided += given
    held = dict(earlier[0].select("id", "content").rows())
    decided.append(Override(id="renamed", content=held[kept[7]], decision="drop"))
    for mask in (False, True):
        folder = tmp_path / f"mask {mask}"
        folder.mkdir()
        one = compare(
            path, folder, style=style, data=NAMED, pinned=pinned, overrides=decided, mask=mask, seed=3, executor=Here()
        )
        assert set(one[0]["rule"]) >= {"override", "leaked"}
        assert one[1]["overrides"]["unmatched"] == ["nobody's"]
        assert one[0].filter(id=kept[7])["outcome"].item() == "decided"
        assert one[0]["evidence"].str.contains("with another output").sum() >= 2


def _decisions(ledger: Any) -> Iterator[tuple[str, Any]]:
    """Decisions of all sorts: about rows that were kept, rows that repeat them, rows that are none, and nobody's."""
    # An id with an address in it is another one where it is masked.
    ledger = ledger.filter(~pl.any_horizontal(pl.col("id", "other_id").fill_null("").str.contains("@")))
    kept = ledger.filter(ledger["outcome"] == "kept")["id"].to_list()
    yield from zip(kept[:20:2], ["keep", "drop", "train", "validation", "test"] * 2, strict=True)
    for rule in ("exact_duplicate", "near_duplicate", "conflict", "empty_output", "empty_input"):
        mine = ledger.filter(ledger["rule"] == rule)
        yield mine["id"][0], "keep"
        if mine["other_id"][0] is not None:
            yield mine["other_id"][0], "drop"
    yield kept[0], "train"
    yield "nobody's", "keep"


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "input": st.sampled_from(
                ["", "a lamp of brass, 3 kg", "a lamp of brass, 4 kg", "A  lamp of brass, 3 kg", "🟣"]
            )
            | st.fixed_dictionaries(
                {"of": st.sampled_from(["brass rod", "brass rods", "tin"]), "kg": st.integers(1, 3)}
            ),
            "output": st.sampled_from(["", "Lamp, brass, 3 kg", "Lamp, brass, 4 kg", "lamp, brass, 3 kg", "jane@x.de"]),
        },
        optional={
            "id": st.sampled_from(["a", "a#2", "a#2#2", "b", "jane@x.de", "[E-MAIL]"]),
            "group": st.sampled_from(["g", "jane@x.de", "h"]) | st.none(),
            "split": st.sampled_from(["train", "val", "test"]),
            "system": st.sampled_from(["Write.", "Write to jane@x.de."]),
            "note": st.text(max_size=3),
        },
    ),
    min_size=1,
    max_size=14,
)


@pytest.mark.slow
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    ROWS, st.integers(1, 400), st.integers(1, 7), st.booleans(), st.sampled_from([True, False, "auto"]),
    st.sampled_from(["quarantine", "report", "keep best"]),
    st.lists(st.tuples(st.sampled_from(["a", "a#2", "b"]), st.sampled_from(["keep", "drop", "train", "test"])), max_size=2),
)  # fmt: skip
def test_whatever_the_rows_and_the_cutting_it_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], most_bytes: int, buckets: int, mask: bool,
    siblings: Any, conflicts: Any, decided: list[tuple[str, Any]],
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("rows")
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    asked: dict[str, Any] = {"mask": mask, "tie_siblings": siblings, "tie_outputs": not mask, "conflicts": conflicts}
    overrides = [Override(id=name, decision=what) for name, what in decided]
    found = compare(path, folder, most_bytes=most_bytes, buckets=buckets, overrides=overrides, **asked)
    assert found is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    "rows",
    [
        [{"input": "one", "output": "row"}],
        [{"input": "all rows", "output": "are one"}] * 40,
        [{"input": f"the same {'template of a line ' * 4}{n:04d}", "output": f"{n}"} for n in range(700)],
        [{"input": "half of all", "output": f"each answer {chr(97 + n)}" * 3} for n in range(20)]
        + [{"input": f"others {n * n}", "output": f"x{n}"} for n in range(40)],
        [{"input": "only", "output": "tests", "split": "test"}] * 3,
        [{"input": "", "output": "nothing"}] * 3,
        [{"messages": [{"role": "user", "content": "q" * n}, {"role": "assistant", "content": "a" * n}]}
         for n in range(1, 30)],
        [{"input": "call", "output": "", "tool_calls": [{"name": "f"}]}] * 3,
        [{"id": i, "input": f"i {i}", "output": "ö" * i} for i in range(1, 30)],
    ],
    ids=["one row", "all equal", "templated", "one input", "no train", "no pair", "turns", "tools", "numbers as ids"],
)  # fmt: skip
def test_data_of_one_sort_give_the_same(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = compare(path, tmp_path, most_bytes=len(path.read_bytes()) // 3 + 1, executor=Here())
    if "template" in str(rows[0]):
        assert found[1]["near_duplicate"]["capped_buckets"]
    assert found is not None


@pytest.mark.parametrize(
    "asked",
    [
        {"data": {"identifiers": ("wait",)}},
        {"stratify": "no such field"},
        {"stratify": "output"},
        pytest.param({"data": {"identifiers": ("only late",)}}, marks=pytest.mark.slow),
        pytest.param({"stratify": "only late"}, marks=pytest.mark.slow),
        {"stratify": "late column"},
    ],
    ids=str,
)
def test_names_are_looked_for_in_all_parts_also_where_the_first_hold_none(
    tmp_path: Path, asked: dict[str, Any]
) -> None:
    rows = ["not JSON"] * 5 + [json.dumps({"input": f"a thing {n}", "output": f"x{n}"}) for n in range(20)]
    late = {"input": {"only late": "yes", "of": "tin"}, "output": "tin", "late column": "A"}
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join([*rows, json.dumps(late)]), encoding="utf-8")
    found = compare(path, tmp_path, most_bytes=200, **asked)
    assert isinstance(found, str) == ("late" not in str(asked))


@pytest.mark.slow
def test_values_that_another_part_has_contradict(tmp_path: Path) -> None:
    colours = ["red"] * 30 + ["blue"] * 2
    rows = [
        {
            "input": {"colour": colour, "thing": f"chair {n}"},
            "output": f"The {'blue' if n % 3 else 'red'} chair, no. {n}",
        }
        for n, colour in enumerate(colours)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = compare(path, tmp_path, style=parse_style("checks: [{kind: contradicts, field: colour}]"), most_bytes=300)
    assert found[1]["checks"]["contradicts"]["fail"] == 21


# --- order ----------------------------------------------------------------------------------------------------------


class Shuffled(Here):
    """Tasks carried out in another order each time, some twice: a lost worker's second try, or a slow one's late end."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def carry_out(self, storage: Storage, tasks: Sequence[Task], *, store: bool) -> Iterator[tuple[int, Done | Result]]:
        order = self.chance.sample(range(len(tasks)), len(tasks))
        for at in order:
            if self.chance.random() < 0.3:
                carry_out(storage, tasks[at], store=store)
            yield at, carry_out(storage, tasks[at], store=store)
        for at in order[:2]:
            carry_out(storage, tasks[at], store=store)


@pytest.mark.slow
def test_the_order_in_which_tasks_end_and_files_were_made_changes_nothing(
    data: Path, style: Any, tmp_path: Path
) -> None:
    other = write_files(tmp_path / "data", messy(160, 1), order=(3, 1, 2, 0))
    asked: dict[str, Any] = {"style": style, "data": NAMED, "mask": True, "tie_outputs": True}
    one = on_one_machine(data, tmp_path / "one", **asked)
    many = in_parts(other, tmp_path / "many", executor=Shuffled(1), most_bytes=6_000, buckets=4, **asked)
    assert_equal(one, many, tmp_path / "one", tmp_path / "many")


@pytest.mark.cluster
def test_processes_and_ray_give_the_same(
    data: Path, style: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {"style": style, "data": NAMED, "mask": True}
    one = on_one_machine(data, tmp_path / "one", **asked)
    cut: dict[str, Any] = {"most_bytes": 9_000, "buckets": 2}
    many = in_parts(data, tmp_path / "processes", executor=Processes(2), **cut, **asked)
    assert_equal(one, many, tmp_path / "one", tmp_path / "processes")
    with ray_home() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        on_ray = RayTasks(ClusterSettings(address="local", workers=2))
        many = in_parts(data, tmp_path / "ray", executor=on_ray, **cut, **asked)
    assert_equal(one, many, tmp_path / "one", tmp_path / "ray")
    assert len(contents(tmp_path / "ray")["train"]) > 10_000
