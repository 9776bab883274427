"""A team's own functions as checks: what runs, from where, and what their mistakes do."""

import json
import sys
from pathlib import Path

import polars as pl
import pytest

from tuneworth.core import ConfigError
from tuneworth.style import StyleResults, check_outputs, parse_style, read_style, write_guide

RULES = '''
from wording import is_loud


def quiet(output, pair):
    """Write quietly."""
    return "no capitals alone" if is_loud(output) else None


def names_part(output, pair):
    pair["fields"].clear() if output == "clear" else None
    return None if pair["fields"] and pair["fields"]["part"] in output else f"the part of {pair['input']}"


def broken(output, pair):
    return 1 / len(output)


def fragile(output, pair):
    return None if len(output) < 6 else 1 / 0


def leaves(output, pair):
    raise SystemExit("gone")


limit = 3
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules.py").write_text(RULES, encoding="utf-8")
    (tmp_path / "wording.py").write_text("def is_loud(text):\n    return text.isupper()\n", encoding="utf-8")
    return tmp_path


def style_file(folder: Path, *calls: str) -> Path:
    path = folder / "style.yaml"
    path.write_text("checks:\n" + "".join(f"  - {{kind: python, call: {call}}}\n" for call in calls), encoding="utf-8")
    return path


def results(path: Path, *outputs: str) -> StyleResults:
    pairs = pl.DataFrame({
        "output": outputs, "input": ["part: A1"] * len(outputs), "fields": [json.dumps({"part": "A1"})] * len(outputs)
    })  # fmt: skip
    return check_outputs(pairs, read_style(path, allow_code=True))


def test_a_rule_that_fails_counts_before_one_that_could_not_be_scored(folder):
    found = results(style_file(folder, "rules.quiet", "rules.fragile"), "LOUDLY", "quietly", "quiet")
    assert found.status.rows() == [("fail", "unscored"), ("pass", "unscored"), ("pass", "pass")]
    assert found.shares()["acceptable"].to_list() == [False, None, True]


def test_a_function_passes_or_says_what_is_wrong(folder):
    found = results(style_file(folder, "rules.quiet", "rules.names_part"), "A1 loud", "LOUD")
    assert found.status.rows() == [("pass", "pass"), ("fail", "fail")]
    assert found.violations["expected"].to_list() == ["no capitals alone", "the part of part: A1"]


def test_a_function_cannot_change_what_the_next_one_sees(folder):
    found = results(style_file(folder, "rules.names_part", "rules.names_part"), "clear", "A1")
    assert found.violations["expected"].to_list() == ["the part of part: A1"] * 2
    assert found.status.rows() == [("fail", "fail"), ("pass", "pass")]


def test_what_a_function_does_wrong_is_unscored_with_its_reason(folder):
    found = results(style_file(folder, "rules.broken", "rules.leaves"), "", "abc")
    assert found.status.rows() == [("unscored", "unscored")] * 2
    assert sorted(set(found.unscored["why"])) == [
        "rules.broken raised ZeroDivisionError: division by zero",
        "rules.broken returned float, expected None or a text that describes the fault",
        "rules.leaves raised SystemExit: gone",
    ]


def test_code_runs_only_where_it_is_allowed(folder):
    (folder / "rules.py").write_text("from pathlib import Path\nPath(__file__).with_name('ran').touch()\n")
    path = style_file(folder, "rules.quiet", "json.dumps")
    with pytest.raises(ConfigError) as error:
        read_style(path)
    assert f"would run rules.quiet in {folder / 'rules.py'}; if you trust that code, pass --allow-code" in str(
        error.value
    )
    assert "would run json.dumps from the installed module json" in str(error.value)
    assert not (folder / "ran").exists()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("rules.absent", "the module rules has no function absent"),
        ("rules.limit", "the module rules has no function limit"),
        ("no_such_module.f", "the module no_such_module cannot be imported: ModuleNotFoundError"),
        ("failing.f", "the module failing cannot be imported: RuntimeError: on purpose"),
        ("rules", '"call" must be module.function'),
        ("os.system('x')", '"call" must be module.function'),
    ],
)
def test_a_call_that_cannot_be_is_an_error_of_the_style_file(folder, call, said):
    (folder / "failing.py").write_text("raise RuntimeError('on purpose')\n")
    with pytest.raises(ConfigError, match=said.replace("(", r"\(").replace(".", r"\.")):
        read_style(style_file(folder, call), allow_code=True)


def test_modules_of_two_folders_with_one_name_stay_apart(tmp_path):
    answers = []
    for word in ("one", "two"):
        folder = tmp_path / word
        folder.mkdir()
        (folder / "rules.py").write_text(f"def f(output, pair):\n    return '{word}'\n")
        answers.append(results(style_file(folder, "rules.f"), "x").violations["expected"][0])
    assert answers == ["one", "two"]


def test_a_module_edited_since_is_read_again(folder):
    path = style_file(folder, "rules.quiet")
    assert results(path, "LOUD").status["python"].to_list() == ["fail"]
    (folder / "rules.py").write_text("def quiet(output, pair):\n    return None  # anything goes now\n")
    assert results(path, "LOUD").status["python"].to_list() == ["pass"]


def test_reading_leaves_neither_path_nor_modules_behind(folder):
    path, modules = list(sys.path), set(sys.modules)
    read_style(style_file(folder, "rules.quiet"), allow_code=True)
    assert sys.path == path
    assert {name for name in set(sys.modules) - modules if name in ("rules", "wording")} == set()


def test_the_guide_says_the_rule_in_its_author_s_words(folder):
    style = read_style(style_file(folder, "rules.quiet", "rules.names_part"), allow_code=True)
    assert "- Write quietly." in write_guide(style)
    assert "- Follow the rule `rules.names_part`." in write_guide(style)


def test_a_text_without_a_file_finds_installed_modules_alone(folder):
    with pytest.raises(ConfigError, match="cannot be imported"):
        parse_style("checks: [{kind: python, call: rules.quiet}]", allow_code=True)
    style = parse_style("checks: [{kind: python, call: textwrap.indent}]", allow_code=True)
    assert style.checks[0].parameters.call == "textwrap.indent"
