"""A wrong key or value of a settings file is named with its line."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import ConfigError, Problem, build_settings, line_of, read_toml


@dataclass(frozen=True)
class Inner:
    name: str = ""


@dataclass(frozen=True)
class Outer:
    share: float = 0.5
    names: tuple[str, ...] = ()
    inner: Inner = field(default_factory=Inner)
    by_name: dict[str, Inner] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ConfigError(f"share must be from 0 to 1, found {self.share}")


def lines_of(tmp_path, text):
    """(line, problem) of each problem in the table `outer` of a file."""
    file = tmp_path / "a.toml"
    file.write_text(text, encoding="utf-8")
    problems: list[str] = []
    build_settings(Outer, read_toml(file)["outer"], where="outer", problems=problems)
    return [(problem.line, str(problem)) for problem in problems if isinstance(problem, Problem)]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[outer]\n\nshar = 1\n", 3, "outer: unknown key"),
        ("# a comment\n[outer] # another\nnames = [\n  'a',\n  2,\n]\n", 3, "outer.names[1]: expected a text, found 2"),
        ("[outer]\nshare = 0.1\n[outer.inner]\nname = 1\n", 4, "outer.inner.name: expected a text"),
        ("[outer]\ninner.name = 1\n", 2, "outer.inner.name"),
        ("[outer]\ninner = { name = 1 }\n", 2, "outer.inner.name"),
        ("[outer.by_name]\na.name = 'x'\n\"b.c\".name = 1\n", 3, 'outer.by_name."b.c".name'),
        ("[[more]]\na = 1\n[[more]]\n[outer]\nshare = 2\n", 5, "outer: share must be from 0 to 1"),
        ('[outer]\ninner.name = """\n[outer]\nshare = 3\n"""\nshare = "x"\n', 6, "outer.share: expected a number"),
        ("[outer]\ninner.name = '''\n''x'''''\nshare = 'x'\n", 4, "outer.share"),
    ],
)
def test_a_problem_has_the_line_of_its_key(tmp_path, text, line, said):
    ((found, problem),) = lines_of(tmp_path, text)
    assert found == line
    assert problem.startswith(said)


def test_several_problems_of_a_file_are_in_the_order_of_its_lines():
    error = ConfigError.of([Problem("c", 30), "a", Problem("b", 2)], where="a.toml")
    assert str(error) == "a.toml: 3 problems\n  - a\n  - line 2: b\n  - line 30: c"
    assert str(ConfigError.of([Problem("c", 30)], where="a.toml")) == "a.toml, line 30: c"


def test_only_the_first_of_very_many_problems_are_named():
    said = str(ConfigError.of([Problem("wrong", line) for line in range(1, 5_001)], where="a.toml"))
    assert said.startswith("a.toml: 5,000 problems")
    assert said.endswith("  - line 100: wrong\n  and 4,900 more")


KEYS = st.sampled_from(["a", "b-c", '"d.e"', "'f'", '"\\u00e4 [g] = #"'])
VALUES = st.sampled_from(
    [
        "1",
        "-0.5",
        "true",
        "'#'",
        '"a\\"b]"',
        "[1, [2]]",
        "[\n  1, # [\n  ']',\n]",
        '"""\n[x]\ny = 1"""',
        "{ x = 1, y = [2] }",
    ]
)


@given(st.lists(st.tuples(st.sampled_from(["", "[{}]\n", "[[{}]]\n"]), KEYS, VALUES, st.booleans()), max_size=12))
def test_each_key_of_any_file_has_the_line_where_it_is_written(tmp_path_factory, parts):
    text = ""
    wanted: list[tuple[list[str], int]] = []
    heading: list[str] = []
    for number, (form, name, value, dotted) in enumerate(parts):
        if form:
            heading = [f"t{number}"]
            text += form.format(heading[0])
        key = [name, f"k{number}"] if dotted and not form else [f"k{number}"]
        key = [f"p{number}", *key]
        text += "\n" * (number % 3)
        wanted.append(([*heading, *key], text.count("\n") + 1))
        text += f"{'.'.join(key)} = {value} # = [\n"
    file = tmp_path_factory.mktemp("any") / "a.toml"
    file.write_bytes(text.encode())
    table = read_toml(file)
    plain = {"'f'": "f", '"d.e"': "d.e", '"\\u00e4 [g] = #"': "ä [g] = #"}
    for path, line in wanted:
        at: Any = table
        for step in path[:-1]:
            at = at[plain.get(step, step)]
            at = at[-1] if isinstance(at, list) else at
        assert line_of(at, path[-1]) == line
