"""Mistakes in a TOML file are explained with their line."""

from decimal import Decimal

import pytest

from tuneworth.core import ConfigError, marked_line, read_toml


def refusal(tmp_path, text):
    file = tmp_path / "settings.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as refused:
        read_toml(file)
    return str(refused.value).removeprefix(f"{file}, ")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[data\npath = 1", 1, 'not closed with "]"'),
        ('[evaluate.gpt 4]\nguide = "x"', 1, 'quotes: [evaluate."gpt 4"]'),
        ("[data]\npath = pairs.jsonl\n", 2, 'text needs quotes: "…"'),
        ("[data]\npath = “pairs.jsonl”\n", 2, "straight quotes"),
        ('[data]\npath = "pairs.jsonl\ngroup = 1\n', 2, "no closing quote"),
        ('a = 1\nb = """\nlong\nc = 2\n', 2, 'not closed with """'),
        ('path = "C:\\Users\\x"', 1, "single quotes"),
        ("[a]\nx = 1\ny = 2\nx = 3\n", 4, "x is already set in line 2"),
        ("[a]\nx = 1\n[b]\n[a]\ny = 1\n", 4, "[a] already starts in line 1"),
        ("a = [1,\n2\n[b]\nc = 1\n", 1, 'list that starts here is not closed with "]"'),
        ("a = True", 1, "write true"),
        ("a = No", 1, "write false"),
        ("a = null", 1, "leave the key out"),
        ("a =", 1, "value is missing"),
        ("a == 1", 1, 'an extra "="'),
        ("price = 0,5", 1, "written with a point"),
        ("code = 007", 1, "must not begin with 0"),
        ("limit = 64 GB", 1, "units are left out"),
        ('a = "say "hi" now"', 1, "ends the text"),
        ('a = "x" b = 2', 1, "its own line"),
        ("a: 1", 1, "looks like YAML"),
        ("\n{\n", 2, "looks like JSON"),
        ("<<<<<<< HEAD\na = 1", 1, "merge conflict"),
        ("a = {b = 1\n}", 1, "must be on one line"),
        ("a = {b = 1, b = 2}", 1, "twice"),
        ("= 1", 1, "key is missing"),
        ('a = "x\x01"', 1, "the invisible character"),
        (b"a = 1\nb = 'f\xfcr'", 2, "save the file as UTF-8"),
    ],
)
def test_each_common_mistake_is_explained_with_its_line(tmp_path, text, line, said):
    found = refusal(tmp_path, text)
    assert found.startswith(f"line {line}: ")
    assert said in found


def test_the_place_is_marked_below_the_line(tmp_path):
    lines = refusal(tmp_path, "[data]\n  path = pairs.jsonl\n").splitlines()
    assert lines[1:] == ["      path = pairs.jsonl", "             ^"]
    assert lines[1][lines[2].index("^") :] == "pairs.jsonl"


def test_a_long_line_is_shown_around_the_place():
    shown, mark = marked_line("x" * 500 + "HERE" + "y" * 500, 1, 501).splitlines()[1:]
    assert len(shown) <= 80
    assert shown[mark.index("^") :].startswith("HERE")


def test_the_value_of_a_key_is_not_shown(tmp_path):
    for text in ("key_env = sk-4711-secret", 'api_token = "sk-4711-secret', "x = 1\npassword: sk-4711-secret"):
        found = refusal(tmp_path, text)
        assert "sk-4711" not in found
        assert "line" in found


def test_a_missing_or_unreadable_file_is_named(tmp_path):
    (tmp_path / "wide.toml").write_bytes("a = 1".encode("utf-16"))
    for path, said in (
        (tmp_path, "is a folder"),
        (tmp_path / "no.toml", "no file at"),
        (tmp_path / "wide.toml", "UTF-16"),
    ):
        with pytest.raises(ConfigError, match=said):
            read_toml(path)


def test_numbers_are_exact_and_a_byte_order_mark_is_ignored(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("\ufeffprice = 0.1\r\n", encoding="utf-8")
    assert read_toml(file) == {"price": Decimal("0.1")}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (
            "\na = " + "[" * 100_000 + "]" * 100_000,
            2,
            "nested deeper than 32 levels, a fixed limit; the settings need 4",
        ),
        (
            "a = " + "{a = " * 20_000 + "1" + "}" * 20_000,
            1,
            "nested deeper than 32 levels, a fixed limit; the settings need 4",
        ),
        (".".join(["a"] * 50_000) + " = 1", 1, "nested deeper than 32 levels, a fixed limit; the settings need 4"),
        ("[" + ".".join(["a"] * 50_000) + "]", 1, "nested deeper than 32 levels, a fixed limit; the settings need 4"),
        (
            "a = '''\n\n'''\nb = " + "9" * 5_000,
            4,
            "a number of 5,000 characters; at most 1,000 are read, a fixed limit",
        ),
        ("b = [0x" + "f" * 5_000 + "]", 1, "a number of 5,002 characters"),
    ],
)
def test_what_is_too_deep_or_too_long_is_refused_with_its_line(tmp_path, text, line, said):
    found = refusal(tmp_path, text)
    assert found.startswith(f"line {line}: ")
    assert said in found


def test_a_line_of_prose_is_not_mistaken_for_a_deep_key(tmp_path):
    assert 'there is no "=" after the key' in refusal(tmp_path, "many words " * 40)


def test_a_file_that_is_too_large_is_refused_with_its_size(tmp_path):
    assert "settings.toml has 250,005 bytes; the file may have at most 250,000, a fixed limit" in refusal(
        tmp_path, "a = " + "1" * 250_001
    )


def test_the_allowed_depth_and_length_are_read(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("a = " + "[" * 32 + "]" * 32 + "\n" + ".".join("bcde" * 8) + f" = {'9' * 1_000}\n#" + " " * 240_000)
    assert set(read_toml(file)) == {"a", "b"}


# Each of these takes minutes where the scanner, the parser or a message tries the same characters again.
@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        '"""\n' + '\\"""\n' * 40_000, "a" * 240_000, "[" + " " * 240_000, "a = " + "=[" * 100_000, "a = 1 " * 40_000,
        "[a]\n" * 60_000, "a = 1\n" * 40_000, "a = '" + "\\" * 240_000, "key " * 60_000, "a.'b'" * 40_000,
    ],
)  # fmt: skip
def test_no_damaged_file_of_the_largest_size_takes_quadratic_time(tmp_path, text):
    assert "line" in refusal(tmp_path, text)
