"""An export read again is the same pairs, as far as the format can hold them; it is there whole or not at all."""

import json

import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuneworth.cli.main import tuneworth
from tuneworth.core import ConfigError, DataError
from tuneworth.curate import curate, export_cautions, export_pairs, read_frame, read_pairs, read_split, write_curated
from tuneworth.curate.export import FORMATS

ALL = ["input", "fields", "output", "system", "group", "split", "meta"]
HELD = {  # what a format can hold
    "openai": ["input", "output", "system"],
    "trl": ["id", *ALL],
    "csv": ["id", *ALL],
    "parquet": ["id", *ALL],
    "datasets": ["id", *ALL],
}


def turns(n):
    word = f"{chr(97 + n)}{n}" * 9
    return [
        {"role": "user", "content": f"Hello {word}\nassistant: not me"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": ""},
        {"role": "user", "content": f"How many {word}?\n"},
    ]


def rows():
    """Pairs of each kind: text, fields, a conversation; with and without what stands beside them."""
    for n in range(40):
        yield {
            "input": f"question {n} of letters {chr(97 + n % 26) * n}", "output": f'answer "{n}",\n  {n}; ', "id": f"q{n}"
        }  # fmt: skip
    for n in range(20):
        fields = {"name": f"Thing {n}", "empty": None, "tags": ["a", f"b{n}"], "size": {"mm": n * 1.5}}
        output = f"=SUM({n}) é\u2028\r\nx{n}"
        yield {"input": fields, "output": output, "id": f"f{n}", "group": f"g{n % 3}", "note": [n, None]}
    for n in range(20):
        yield {"input": turns(n), "output": f"reply {n}", "id": f"c{n}", "system": f"You are {n}.", "split": "train"}


def curated_run(folder, data):
    write_curated(curate(data), folder)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return curated_run(tmp_path_factory.mktemp("run"), list(rows()))


def kept(run):
    return pl.concat([read_split(run, split) for split in ("train", "validation", "test")])


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_an_export_read_again_is_the_same_pairs(run, tmp_path, format):
    written = export_pairs(run, format, tmp_path / "out")
    again = pl.concat([read_pairs(path).pairs for path in written])
    want, got = kept(run).select(HELD[format]), again.select(HELD[format])
    if format == "openai":
        assert again["meta"].drop_nulls().str.contains("input_turns").all()
    assert len(got) > 60
    assert got.sort("input", "output").equals(want.sort("input", "output"))


def test_canonical_lines_read_again_have_the_same_ids_and_content(run):
    for split in ("train", "validation", "test"):
        again = read_pairs(run / "curate" / f"{split}.jsonl")
        assert again.pairs.select("id", *ALL).equals(read_split(run, split).select("id", *ALL))
        assert not again.warnings
        assert again.guide is None


@pytest.mark.slow
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), min_size=3, max_size=6),
    format=st.sampled_from(["openai", "trl", "csv", "parquet"]),
)
def test_any_text_comes_back_as_it_was(tmp_path_factory, texts, format):
    folder = tmp_path_factory.mktemp("any")
    data = [{"input": f"{n} {t} {n}", "output": f"{n}: {t}", "split": "train"} for n, t in enumerate(texts)]
    run = curated_run(folder, data)
    again = pl.concat([read_pairs(path).pairs for path in export_pairs(run, format, folder / "out")])
    assert again.select("input", "output").rows() == kept(run).select("input", "output").rows()


@pytest.mark.parametrize(("format", "column"), [("openai", "messages"), ("trl", "prompt")])
def test_a_conversation_is_exported_as_its_messages(run, tmp_path, format, column):
    written = export_pairs(run, format, tmp_path / "out")
    lines = [json.loads(line) for path in written for line in path.read_text().split("\n") if line]
    (line,) = [line for line in lines if line[column][0]["content"] == "You are 0."]
    assert (line[column][1:] if format == "trl" else line[column][1:-1]) == turns(0)


def test_a_conversation_whose_text_was_changed_is_exported_as_text(run, tmp_path):
    path = run / "curate" / "train.jsonl"
    before = path.read_text()
    try:
        path.write_text(before.replace("assistant: Yes?", "assistant: [masked]"))
        (train, *_) = export_pairs(run, "openai", tmp_path / "out")
        said = [json.loads(line)["messages"] for line in train.read_text().split("\n") if "[masked]" in line]
        assert [m["role"] for m in said[0]] == ["system", "user", "assistant"]
        assert said[0][1]["content"].startswith("user: Hello")
    finally:
        path.write_text(before)


def test_the_guide_goes_back_on_request(tmp_path):
    data = [{"system": "Be short.", "input": f"in {n} {'y' * n}", "output": f"out {n}"} for n in range(30)]
    raw = read_frame(data)
    assert raw.guide == "Be short."
    run = curated_run(tmp_path, raw)
    plain, guided = (export_pairs(run, "openai", tmp_path / f"{g}", guide=g)[0] for g in (None, raw.guide))
    roles = [[m["role"] for m in json.loads(p.read_text().split("\n")[0])["messages"]] for p in (plain, guided)]
    assert roles == [["user", "assistant"], ["system", "user", "assistant"]]
    assert read_pairs(guided).guide == "Be short."


@pytest.mark.parametrize("format", ["openai", "trl"])
def test_for_a_model_without_a_system_role_the_system_text_begins_the_first_message(run, tmp_path, format):
    usual = export_pairs(run, format, tmp_path / "usual")[0].read_text().split("\n")
    folded = export_pairs(run, format, tmp_path / "folded", system_role=False)[0].read_text().split("\n")
    name, seen = "messages" if format == "openai" else "prompt", 0
    for before, after in zip(usual, folded, strict=True):
        if not before:
            continue
        first, *rest = json.loads(before)[name]
        chat = json.loads(after)[name]
        assert "system" not in {message["role"] for message in chat}
        if first["role"] == "system":
            seen += 1
            assert chat[0] == {"role": "user", "content": f"{first['content']}\n\n{rest[0]['content']}"}
            assert chat[1:] == rest[1:]
        else:
            assert chat == [first, *rest]
    assert seen >= 20


@pytest.mark.slow
def test_all_parts_of_a_datasets_folder_have_the_same_columns(run, tmp_path):
    datasets = pytest.importorskip("datasets")
    (folder,) = export_pairs(run, "datasets", tmp_path / "out")
    loaded = datasets.load_from_disk(str(folder))
    assert loaded["train"].features == loaded["test"].features
    assert set(loaded) == {"train", "validation", "test"}


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_an_export_replaces_an_earlier_one_and_nothing_else(run, tmp_path, format):
    out = tmp_path / "out"
    first = export_pairs(run, format, out)
    names = {path.name for path in out.iterdir()}
    small = curated_run(tmp_path / "small", [{"input": f"in {n}", "output": "o", "split": "train"} for n in "abc"])
    assert export_pairs(small, format, out) == first[:1]
    assert len(read_pairs(first[0]).pairs) == 3
    left = {path.name for path in out.iterdir()}
    assert left == {name for name in names if not name.startswith(("validation", "test"))}
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]


def test_what_is_not_ours_stays(run, tmp_path):
    (tmp_path / "notes.md").write_text("mine")
    export_pairs(run, "csv", tmp_path)
    assert (tmp_path / "notes.md").read_text() == "mine"
    with pytest.raises(DataError, match=r"contains .*; name another folder"):
        export_pairs(run, "datasets", tmp_path)
    with pytest.raises(DataError, match="is a file"):
        export_pairs(run, "csv", tmp_path / "notes.md")


def test_nothing_is_left_of_an_export_that_fails(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "train.csv").mkdir()  # a folder where the file would go
    (tmp_path / "out" / "train.csv" / "mine").write_text("x")
    with pytest.raises(DataError, match=r"train\.csv"):
        export_pairs(run, "csv", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["train.csv"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_unknown_format_and_a_run_without_pairs_are_errors(run, tmp_path):
    with pytest.raises(ConfigError, match="openai, trl, csv"):
        export_pairs(run, "xml", tmp_path)
    with pytest.raises(DataError, match="tuneworth curate"):
        export_pairs(tmp_path, "csv", tmp_path)
    (tmp_path / "curate").mkdir()
    for split in ("train", "validation", "test"):
        (tmp_path / "curate" / f"{split}.jsonl").write_text("")
    with pytest.raises(DataError, match="nothing to export"):
        export_pairs(tmp_path, "csv", tmp_path / "out")


def test_few_examples_are_said_where_the_provider_refuses_them(tmp_path):
    run = curated_run(tmp_path, [{"input": f"in {n}", "output": "o", "split": "train"} for n in "abc"])
    assert "3 examples" in export_cautions(export_pairs(run, "openai", tmp_path / "o"), "openai")[0]
    assert not export_cautions(export_pairs(run, "trl", tmp_path / "t"), "trl")


def test_cells_that_a_spreadsheet_would_run_are_told_and_stay_as_they_are(tmp_path):
    texts = ["=1+1", "+49 30", "-5 V", "@here", "\tx", "a = b", "5 V", "'=1"]
    table = read_frame(pl.DataFrame({"input": [f"question {n}" for n in range(8)], "output": texts}))
    write_curated(curate(table, seed=0), tmp_path / "run")
    written = export_pairs(tmp_path / "run", "csv", tmp_path / "csv")
    assert "5 cells begin with =, +, - or @" in export_cautions(written, "csv")[0]
    assert set(pl.concat([pl.read_csv(path, infer_schema=False) for path in written])["output"]) == set(texts)
    assert not export_cautions(export_pairs(tmp_path / "run", "parquet", tmp_path / "parquet"), "parquet")


def test_the_command_writes_says_and_refuses(run, tmp_path):
    (run / "run.json").write_text('{"data_guide": null}')
    done = CliRunner().invoke(
        tuneworth, ["export", str(run), "--format", "trl", "--out", str(tmp_path / "o"), "--json"]
    )
    assert done.exit_code == 0
    assert json.loads(done.stdout)["written"] == [
        str(tmp_path / "o" / f"{s}.jsonl") for s in ("train", "validation", "test")
    ]
    failed = CliRunner().invoke(tuneworth, ["export", str(run), "--format", "trl", "--with-guide"])
    assert isinstance(failed.exception, ConfigError)
    assert "curation removed no system message" in str(failed.exception)
