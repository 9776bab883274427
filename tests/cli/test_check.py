"""`tuneworth check`: its text, its JSON, its page, and the command that it advises."""

import json
import shlex
import tomllib

import polars as pl
import pytest

from ..curate.test_checkup import rows


@pytest.fixture
def products(tmp_path):
    """An export of a shop: sizes of one product, a constant column, weights that only the texts state."""
    path = tmp_path / "shop products.csv"
    lines = ["name,size,family,shop,kind,description"]
    for n, row in enumerate(rows(40)):
        for size in "SML":
            text = row["text"] + f" It weighs {n + 3}.5 kg."
            lines.append(f'"{row["name"]}",{size},F{n},Amber & Sons,{row["kind"]} {row["width"]},"{text}"')
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.slow
def test_the_most_important_is_said_first_with_examples_and_what_to_type(command, products):
    done = command("check", products)
    assert done.code == 0, done.err
    text = " ".join(done.out.split())
    assert "120 rows: 120 pairs, 120 distinct inputs, 40 distinct outputs" in text
    assert '"description" was taken as the output, as the longest text, all other columns as the input.' in text
    assert "If that is wrong, name them with --input and --output." in text
    assert "In 100% of the rows (120) the output states numbers that the input does not have" in text
    assert "row 1, 3.5 kg: …" in text
    assert done.out.index("Fix first") < done.out.index("Look at") < done.out.index("Looked for and not found")
    assert "--group name" in text
    assert max(map(len, done.out.splitlines()[1:-1])) <= 88


@pytest.mark.slow
def test_the_advised_command_runs(command, products, tmp_path):
    advised = shlex.split(command("check", products, "--json").json["command"])
    assert advised[:2] == ["tuneworth", "curate"]
    done = command(*advised[1:-1], tmp_path / "clean", "--json")
    assert done.code == 0, done.err
    assert done.json["groups"] == 40
    assert "2 columns" not in done.json["shape"]
    assert command("check", products).out.count("--leave-out-constant") == 2


@pytest.mark.slow
def test_the_json_has_the_documented_keys(command, products):
    done = command("check", products, "--json")
    assert list(done.json) == [
        "source", "shape", "inputs", "rows_read", "pairs", "distinct_inputs", "distinct_outputs", "lengths", "findings",
        "clean", "proposed", "reason", "options", "command", "page",
    ]  # fmt: skip
    assert list(done.json["findings"][0]) == [
        "key", "severity", "title", "rows", "share", "advice", "option", "setting", "examples", "values",
    ]  # fmt: skip
    assert done.json["proposed"] == {"input": "*", "output": "description"}
    assert [finding["severity"] for finding in done.json["findings"]][:2] == ["high", "high"]


@pytest.mark.slow
def test_columns_that_are_named_are_taken(command, products):
    done = command("check", products, "--input", "name", "--output", "description", "--group", "family", "--json")
    assert done.json["proposed"] == {}
    assert done.json["command"].startswith("tuneworth curate ")
    # The widths that only the descriptions state are in another column.
    words = "--input name --input kind --output description --group family"
    assert shlex.split(done.json["command"])[3:11] == words.split()


def test_pairs_need_no_columns_to_be_named(command, tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps({"prompt": r["name"], "completion": r["text"]}) + "\n" for r in rows(240)))
    done = command("check", path)
    assert done.code == 0, done.err
    assert "Fix first" in done.out  # the widths are in no input
    assert "No column was named" not in done.out
    assert f"Next: tuneworth curate {path} --out clean" in done.out


def test_a_file_without_texts_is_refused_with_advice(command, tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("a\n1\n")
    done = command("check", path)
    assert done.code == 2
    assert '"a" is the only column, but a pair has an input and an output\nAdd a column' in done.err


def test_the_page_has_each_finding_and_needs_no_network(command, products, tmp_path):
    page = tmp_path / "check.html"
    done = command("check", products, "--page", page, "--json")
    text = page.read_text(encoding="utf-8")
    assert done.json["page"] == str(page)
    assert "Run <code>tuneworth curate " in text
    assert [f'id="{finding["key"]}"' in text for finding in done.json["findings"]] == [True] * len(
        done.json["findings"]
    )
    assert "default-src 'none'" in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert str(tmp_path) not in text


def test_texts_of_the_data_are_no_markup_on_the_page(command, tmp_path):
    path, page = tmp_path / "pairs.jsonl", tmp_path / "check.html"
    bad = "<script>alert(1)</script> {{ 7*7 }} 99 kg"
    table = [
        {"input": f"{bad} {r['name']}", "output": f"{r['text']} weighs {n}77 kg {bad}"} for n, r in enumerate(rows(60))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in table))
    command("check", path, "--page", page)
    text = page.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "7*7" in text


def test_conversations_are_read_from_a_table_and_under_another_name_asked_to_be_renamed(command, tmp_path):
    chat = [{"role": "user", "content": "How far is it?"}, {"role": "assistant", "content": "Two miles."}]
    table = tmp_path / "chats.csv"
    pl.DataFrame({"messages": [json.dumps(chat)] * 30 + ["no JSON"]}).write_csv(table)
    done = command("check", table, "--json").json
    assert (done["shape"], done["pairs"], done["rows_read"]) == ("chat messages", 30, 31)
    other = tmp_path / "chats.jsonl"
    other.write_text(json.dumps({"dialog": chat, "score": 3}) + "\n")
    refused = command("check", other)
    assert refused.code == 2
    assert 'column "dialog" holds conversations, which are read from a column "messages"' in refused.err


@pytest.mark.slow
def test_every_answer_of_a_conversation_may_be_checked_and_curated(command, tmp_path):
    path = tmp_path / "chats.jsonl"
    turns = [
        [{"role": "user", "content": f"{r['name']}?"}, {"role": "assistant", "content": r["text"]}] for r in rows(120)
    ]
    path.write_text(
        "".join(json.dumps({"messages": a + b}) + "\n" for a, b in zip(turns[::2], turns[1::2], strict=True))
    )
    last, every = (command("check", path, "--json", *words).json for words in ((), ("--turns", "all")))
    assert (last["pairs"], every["pairs"]) == (60, 120)
    assert "several_answers" in {finding["key"] for finding in last["findings"]}
    assert "--turns all" in every["command"]
    done = command("curate", path, "--turns", "all", "--dry-run", "--json")
    assert (done.code, done.json["rows_read"], done.json["groups"]) == (0, 120, 60)


@pytest.mark.slow
def test_tool_calls_are_answers_where_the_style_wants_json(command, tmp_path):
    calls = [[{"type": "tool_use", "name": "find", "input": {"name": r["name"]}}] for r in rows(60)]
    path, style = tmp_path / "calls.jsonl", tmp_path / "style.yaml"
    turns = [[{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": c}] for n, c in enumerate(calls)]
    path.write_text("".join(json.dumps({"messages": t}) + "\n" for t in turns))
    style.write_text("checks: [{kind: json, schema: {type: array}}]")
    done = command("curate", path, "--style", style, "--dry-run", "--json")
    assert (done.code, done.json["outcomes"]["kept"]) == (0, 60)
    style.write_text("checks: [{kind: clean}]")
    assert command("curate", path, "--style", style, "--dry-run", "--json").code == 2


def test_what_cannot_be_read_is_counted_and_the_rest_is_checked(command, tmp_path):
    path = tmp_path / "messy.jsonl"
    good = [json.dumps({"input": r["name"], "output": r["text"]}) for r in rows(60)]
    path.write_text(
        "\ufeff" + "\n\n".join(["{broken", *good, '["no object"]', '{"input": "x"}', '{"a": 1, "a": 2}', ""])
    )
    done = command("check", path, "--json")
    found = {finding["key"]: finding["rows"] for finding in done.json["findings"]}
    assert (done.code, done.json["rows_read"], done.json["pairs"]) == (0, 64, 60)
    assert (found["rejected_unreadable"], found["rejected_empty_output"]) == (3, 1)
    text = command("check", path).out
    assert "3 rows (5%) cannot be read." in text
    assert "line 1 is not JSON" in text


@pytest.mark.slow
def test_a_column_that_names_each_row_is_the_id_from_check_to_init(command, tmp_path):
    path = tmp_path / "shop.csv"
    lines = ["sku,name,kind,width,text", *(",".join(f'"{value}"' for value in row.values()) for row in rows(60))]
    path.write_text("\n".join(lines) + "\n")
    checked = command("check", path, "--json").json
    assert checked["proposed"] == {"input": "*", "output": "text", "id": "sku"}
    assert checked["inputs"] == ["name", "kind", "width"]
    advised = shlex.split(checked["command"])
    assert advised[advised.index("--id") + 1] == "sku"
    done = command(*advised[1:-1], tmp_path / "clean", "--json")
    assert done.code == 0, done.err
    ledger = pl.read_parquet(tmp_path / "clean" / "curate" / "ledger.parquet")
    assert set(ledger["id"]) == {f"K-{n}" for n in range(60)}
    assert command("init", tmp_path / "new", "--from", path).code == 0
    data = tomllib.loads((tmp_path / "new" / "tuneworth.toml").read_text())["data"]
    assert (data["input"], data["output"], data["id"]) == ("*", "text", "sku")
    refused = command("curate", tmp_path / "new", "--id", "sku")
    assert refused.code == 2
    assert "set [data] id in" in refused.err


@pytest.mark.slow
def test_a_column_beside_the_input_that_names_each_row_is_proposed_as_the_id(command, tmp_path):
    path = tmp_path / "shop.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(60)))
    columns = ["--input", "name", "--input", "kind", "--input", "width", "--output", "text"]
    assert command("check", path, *columns, "--json").json["command"].endswith("--output text --id sku --out clean")
    found = command("check", path, *columns, "--id", "sku", "--json").json["findings"]
    assert "id_column" not in [finding["key"] for finding in found]
    command("init", tmp_path / "new", "--from", path, *columns)
    data = tomllib.loads((tmp_path / "new" / "tuneworth.toml").read_text())["data"]
    assert (data["input"], data["id"]) == (["name", "kind", "width"], "sku")
