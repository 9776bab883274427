"""Outputs of models in memory: stored batch by batch, generated once, in the order of all variants' tables."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tuneworth.core import ModelError, RunBroken
from tuneworth.evaluate import EvaluateSettings, Variant, check_room, race
from tuneworth.evaluate.outputs.table import OUTPUT_SCHEMA

PROMPTED = Variant("prompted", "base model", guide="Write one line.", examples=(("q", "a"), ("r", "b")))
PLAIN = Variant("plain", "base model")


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuneworth.evaluate.outputs.race.BATCH", 4)


def pairs_of(count: int, **changed: str) -> pl.DataFrame:
    ids = [f"p{n}" for n in range(count)]
    texts = [changed.get(id, "part " + "abc "[: n % 4] * (n % 5) + str(n)) for n, id in enumerate(ids)]
    return pl.DataFrame({"id": ids, "input": texts, "system": [None] * count}, schema_overrides={"system": pl.String})


def settings_of(**changed: Any) -> EvaluateSettings:
    return EvaluateSettings(**{"temperature": 1.0, **changed})


def raced(variant: Variant, loaded: Any, store: Path, pairs: pl.DataFrame | None = None, **settings: Any) -> Any:
    wanted = pairs_of(14) if pairs is None else pairs
    return race(variant, wanted, loaded=loaded, settings=settings_of(**settings), max_new_tokens=3, store=store)


def told(table: pl.DataFrame) -> list[tuple[Any, ...]]:
    """A table without the measured times."""
    return table.drop("seconds").rows()


def lines_of(store: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in store.read_bytes().splitlines()]


def test_the_table_has_a_row_per_pair_and_sample_in_their_order(tiny_model: Any, tmp_path: Path) -> None:
    found = raced(PROMPTED, tiny_model, tmp_path / "store", samples=3)
    table = found.outputs
    assert dict(table.schema) == OUTPUT_SCHEMA
    assert table.select("id", "sample").rows() == [(f"p{n}", sample) for n in range(14) for sample in range(3)]
    assert set(table["model"]) == {tiny_model.name}
    assert set(table["variant"]) == {"prompted"}
    assert table["error"].null_count() == 42
    assert table["seconds"].min() > 0  # type: ignore[operator]
    assert table.group_by("id").agg(pl.col("output").n_unique())["output"].max() == 3


def test_the_tokens_of_prompt_guide_and_examples_are_separate(tiny_model: Any, tmp_path: Path) -> None:
    pairs = pairs_of(2, p0="", p1="xyz")
    bare = raced(PLAIN, tiny_model, tmp_path / "store", pairs)
    full = raced(PROMPTED, tiny_model, tmp_path / "store", pairs)
    guided = raced(replace(PROMPTED, examples=()), tiny_model, tmp_path / "store", pairs)
    assert (bare.guide_tokens, bare.few_shot_tokens) == (0, 0)
    assert full.fixed_tokens == full.outputs["input_tokens"][0] == full.outputs["input_tokens"][1] - 3
    assert full.fixed_tokens - guided.fixed_tokens == full.few_shot_tokens
    assert full.guide_tokens == len("Write one line.") - 1  # compared with a system message of one token


def test_a_second_run_generates_nothing_and_gives_the_same(tiny_model: Any, tmp_path: Path) -> None:
    store = tmp_path / "new" / "store"
    first = raced(PROMPTED, tiny_model, store, samples=2)
    written = store.read_bytes()
    assert len(lines_of(store)) == 2 * 4
    second = raced(PROMPTED, tiny_model, store, samples=2)
    assert store.read_bytes() == written
    assert second.outputs.equals(first.outputs)


@pytest.mark.slow
def test_each_stored_batch_is_reused_and_each_missing_one_regenerated_identically(
    tiny_model: Any, tmp_path: Path
) -> None:
    whole = raced(PROMPTED, tiny_model, tmp_path / "whole", samples=2)
    lines = (tmp_path / "whole").read_bytes().splitlines(keepends=True)
    for kept in ([], [0], [6, 1, 3, 4]):
        store = tmp_path / f"{kept}"
        store.write_bytes(b"".join(lines[n] for n in kept) + lines[3][:-9])
        found = raced(PROMPTED, tiny_model, store, samples=2)
        assert told(found.outputs) == told(whole.outputs)
        batches = [(line["batch"], line["sample"]) for line in _readable(store)]
        assert len(batches) == len(set(batches)) == 8


def _readable(store: Path) -> list[dict[str, Any]]:
    found = []
    for line in store.read_bytes().splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def test_in_bf16_a_resumed_list_has_the_texts_of_an_uninterrupted_one(tiny_model: Any, tmp_path: Path) -> None:
    import torch

    tiny_model.model.to(torch.bfloat16)
    whole = raced(PROMPTED, tiny_model, tmp_path / "whole", temperature=0.0)
    lines = (tmp_path / "whole").read_bytes().splitlines(keepends=True)
    (tmp_path / "half").write_bytes(lines[0] + lines[2])
    assert told(raced(PROMPTED, tiny_model, tmp_path / "half", temperature=0.0).outputs) == told(whole.outputs)


def test_a_changed_guide_regenerates_only_its_variant(tiny_model: Any, tmp_path: Path) -> None:
    store = tmp_path / "store"
    for variant in (PLAIN, PROMPTED):
        raced(variant, tiny_model, store)
    before = lines_of(store)
    raced(PLAIN, tiny_model, store)
    raced(replace(PROMPTED, guide="Write one note."), tiny_model, store)
    added = lines_of(store)[len(before) :]
    assert {line["variant"] for line in added} == {"prompted"}
    assert len(added) == len(before) / 2


@pytest.mark.slow
def test_another_adapter_adapter_settings_or_template_regenerate(tiny_model: Any, tmp_path: Path) -> None:
    import torch

    from tuneworth.train.model.kernels import attach_adapter, detach_adapter

    def adapter(seed: int) -> Path:
        adapted = attach_adapter(tiny_model.model, rank=4, alpha=8, seed=seed, name="tiny")
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.2)
        adapted.save_pretrained(tmp_path / f"{seed}", save_embedding_layers=False)
        detach_adapter(tiny_model.model)
        return tmp_path / f"{seed}"

    store, first, second = tmp_path / "store", adapter(1), adapter(2)
    made = []

    def count(folder: Path) -> int:
        before = len(_readable(store)) if store.exists() else 0
        made.append(raced(Variant("tuned", "adapter", adapter=folder), tiny_model, store).outputs["output"].to_list())
        return len(_readable(store)) - before

    assert [count(folder) for folder in (first, second, first, second)] == [4, 4, 0, 0]
    config = first / "adapter_config.json"
    config.write_text(config.read_text().replace('"lora_alpha": 8', '"lora_alpha": 80'))
    assert count(first) == 4
    tiny_model.tokenizer.chat_template = tiny_model.tokenizer.chat_template.replace("<|turn|>assistant", "<|turn|>bot")
    assert count(second) == 4
    assert [made[2], made[3]] == [made[0], made[1]]
    assert len({tuple(texts) for texts in made}) == 4


def test_another_seed_regenerates_only_sampled_outputs(tiny_model: Any, tmp_path: Path) -> None:
    store, seen = tmp_path / "store", []
    for temperature, seed in ((1.0, 0), (1.0, 1), (0.0, 0), (0.0, 1)):
        found = race(
            PLAIN, pairs_of(6), loaded=tiny_model, settings=settings_of(temperature=temperature), max_new_tokens=3,
            store=store, seed=seed,
        )  # fmt: skip
        seen.append((found.outputs["output"].to_list(), len(lines_of(store))))
    assert [count for _, count in seen] == [2, 4, 6, 6]
    assert seen[0][0] != seen[1][0]
    assert seen[2][0] == seen[3][0]


def test_more_samples_generate_only_the_new_ones(tiny_model: Any, tmp_path: Path) -> None:
    store = tmp_path / "store"
    one = raced(PLAIN, tiny_model, store, samples=1)
    three = raced(PLAIN, tiny_model, store, samples=3)
    assert told(three.outputs.filter(sample=0)) == told(one.outputs)
    assert [line["sample"] for line in lines_of(store)] == [0] * 4 + [1, 2] * 4
    assert told(raced(PLAIN, tiny_model, tmp_path / "other", samples=3).outputs) == told(three.outputs)
    assert raced(PLAIN, tiny_model, store, samples=2).outputs.equals(three.outputs.filter(pl.col("sample") < 2))


def test_sampling_depends_on_the_id_not_on_other_pairs(tiny_model: Any, tmp_path: Path) -> None:
    more = raced(PLAIN, tiny_model, tmp_path / "store", samples=2).outputs
    fewer = raced(PLAIN, tiny_model, tmp_path / "store", pairs_of(14)[3:9], samples=2).outputs
    assert told(fewer) == told(more.filter(pl.col("id").is_in(fewer["id"].to_list())))
    equal = raced(PLAIN, tiny_model, tmp_path / "store", pairs_of(9, **{f"p{n}": "same" for n in range(9)})).outputs
    assert equal["output"].n_unique() > 5


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line[:-1] + b"\0\0\0\n",
        lambda line: line.replace(b'"index": ', b'"index": 1'),
        lambda line: line.replace(b'"batch": ', b'"batch": 7'),
        lambda line: line.replace(b'"outputs"', b'"outputs!"'),
        lambda line: line.replace(b'"sample": 0', b'"sample": "0"'),
        lambda line: b"[" + line.strip() + b"]\n",
        lambda line: b"\xff" + line,
        lambda line: line[:40] + b"\n" + line[40:],
    ],
)
def test_a_damaged_line_is_a_missing_batch(tiny_model: Any, tmp_path: Path, damage: Any) -> None:
    store = tmp_path / "store"
    whole = raced(PLAIN, tiny_model, store)
    lines = store.read_bytes().splitlines(keepends=True)
    store.write_bytes(damage(lines[0]) + b"".join(lines[1:]))
    assert told(raced(PLAIN, tiny_model, store).outputs) == told(whole.outputs)
    assert len(_readable(store)) >= 4
    assert store.read_bytes().splitlines()[-1] == _without_seconds(store, lines[0])


def _without_seconds(store: Path, line: bytes) -> bytes:
    """The last line of the store if it has the content of `line`, else `line`."""
    last = store.read_bytes().splitlines()[-1]
    both = [json.loads(text) for text in (last, line)]
    for table in both:
        for output in table["outputs"]:
            output.pop("seconds")
    return last if both[0] == both[1] else line


def test_damaged_lines_of_the_store_are_counted_and_named(tmp_path: Path) -> None:
    from tuneworth.evaluate import damaged_batches
    from tuneworth.evaluate.outputs.generate import Generation
    from tuneworth.evaluate.outputs.race import keep_batch, kept_batches

    store = tmp_path / "generated.jsonl"
    assert damaged_batches(store) == ""
    for number in range(3):
        batch = [Generation(number, "a", 1, 1, 0.1, "stop", batch=number)]
        keep_batch(store, batch, key="k", variant="v", ids=["x", "y", "z"])
    assert damaged_batches(store) == ""
    lines = store.read_bytes().splitlines(keepends=True)
    store.write_bytes(lines[0] + b"no\n" + lines[1][:40] + b"\n" + lines[2] + lines[2][:40])
    assert damaged_batches(store).startswith(f"2 damaged lines left out: {store}, line 2: not readable as JSON")
    kept = kept_batches(store, key="k", batches=[(0,), (1,), (2,)], samples=range(1))
    assert sorted(kept) == [(0, 0), (2, 0)]


def test_line_separators_and_broken_characters_do_not_break_lines(tmp_path: Path) -> None:
    from tuneworth.evaluate.outputs.generate import Generation
    from tuneworth.evaluate.outputs.race import keep_batch, kept_batches

    batch = [Generation(n, text, 1, 1, 0.1, "stop") for n, text in enumerate(["a\u2028b\x85c\n", "\ud800", "\0"])]
    keep_batch(tmp_path / "store", batch, key="k", variant="v", ids=["x", "y", "z"])
    (found,) = kept_batches(tmp_path / "store", key="k", batches=[(0, 1, 2)], samples=range(1)).values()
    assert [one.output for one in found] == ["a\u2028b\x85c\n", "?", "\0"]


def test_a_full_disk_is_a_clear_error_and_finished_outputs_are_kept(tiny_model: Any, tmp_path: Path) -> None:
    import resource

    store = tmp_path / "store"
    whole = raced(PLAIN, tiny_model, tmp_path / "whole")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "whole").stat().st_size // 2, limits[1]))
    try:
        with pytest.raises(RunBroken, match="cannot be written"):
            raced(PLAIN, tiny_model, store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    kept = store.read_bytes().splitlines()
    assert 1 <= len(_readable(store)) < 4
    assert told(raced(PLAIN, tiny_model, store).outputs) == told(whole.outputs)
    assert store.read_bytes().splitlines()[: len(kept)] == kept


def test_a_prompt_without_room_is_rejected_before_any_work_with_its_pair(tiny_model: Any) -> None:
    pairs = pairs_of(9, **{f"p{n}": "long " * 60 for n in range(1, 8)})
    with pytest.raises(ModelError, match=r"7 of 9 prompts .* 256\.\nPairs: p1, p2, p3, p4, p5 and 2 more") as raised:
        check_room(PROMPTED, pairs, loaded=tiny_model, max_new_tokens=6)
    assert len(str(raised.value).splitlines()) == 3
    check_room(PROMPTED, pairs_of(9), loaded=tiny_model, max_new_tokens=6)
    check_room(PROMPTED, pairs_of(0), loaded=tiny_model, max_new_tokens=6)


def test_no_pairs_give_an_empty_table(tiny_model: Any, tmp_path: Path) -> None:
    found = raced(PROMPTED, tiny_model, tmp_path / "store", pairs_of(0))
    assert dict(found.outputs.schema) == OUTPUT_SCHEMA
    assert not len(found.outputs)
    assert not (tmp_path / "store").exists()


def test_progress_includes_existing_outputs_and_grows_with_every_token(tiny_model: Any, tmp_path: Path) -> None:
    seen: list[tuple[str, float, int]] = []
    raced(PLAIN, tiny_model, tmp_path / "store")
    race(
        PLAIN, pairs_of(14), loaded=tiny_model, settings=settings_of(samples=2), max_new_tokens=3,
        store=tmp_path / "store", progress=lambda *told: seen.append(told),
    )  # fmt: skip
    done = [done for _, done, _ in seen]
    assert done == sorted(done)
    assert 14 < done[0] < 16  # the first token of four outputs of at most three
    assert {18, 22, 25, 28} < set(done)  # each finished batch
    assert done[-1] == 28
    assert {of for *_, of in seen} == {28}
