"""The pages: links and anchors lead somewhere, each command exists with its options, and runs on a new machine."""

import re
import shlex
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest
import yaml

from tuneworth.cli.main import tuneworth
from tuneworth.cli.runs import prune

ROOT = Path(__file__).parents[2]
PAGES = [
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/*.md", "examples/*/README.md", "benchmarks/*.md")
    for path in sorted(ROOT.glob(pattern))
]
TEXTS = {page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
# What a block may start besides Tuneworth, and where a new machine has it from.
PROGRAMS = {
    "git": "the machine", "pip": "the machine", "make": "the machine", "python": "the machine", "curl": "the machine",
    "ssh": "the machine",
    "cd": "the shell", "export": "the shell", "kubectl": "the cluster's owner", "ray": "the extra cluster",
    "torchrun": "the extra train", "accelerate": "the extra train", "ollama": "the server that the block is for",
}  # fmt: skip
SCRIPTS = {"request.py": "tuneworth export", "convert_hf_to_gguf.py": "a clone of llama.cpp"}
# Options of other programs: those that single pages name, and pages that are about such programs or scripts.
OTHERS = {
    "--no-compile": "pip",
    "--node-rank": "torchrun",
    "--num_processes": "accelerate",
    "--ray-client-server-port": "Ray",
}
ABOUT_OTHERS = ("benchmarks", "docs/serving.md")


def prose(page: str) -> str:
    """A page without its blocks of code."""
    return BLOCK.sub("", TEXTS[page])


def lines_of(page: str) -> Iterator[str]:
    """The shell lines of a page's blocks, each whole and without a prompt; of YAML those of its `run` keys."""
    for _, kind, text in BLOCK.findall(TEXTS[page]):
        text = re.sub(r" *\\\n *", " ", text)
        if kind == "console":
            yield from (line.strip()[2:] for line in text.splitlines() if line.strip().startswith("$ "))
        elif kind == "sh":
            yield from (line.strip() for line in text.splitlines() if line.strip())
        elif kind == "dockerfile":
            yield from (line[4:] for line in text.splitlines() if line.startswith("RUN "))
        elif kind == "yaml" and " run: " in text:
            yield from (line.strip() for script in _scripts(yaml.safe_load(text)) for line in script.splitlines())


def _scripts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from [inner] if key == "run" and isinstance(inner, str) else _scripts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _scripts(inner)


def commands(page: str) -> Iterator[list[str]]:
    """The words of each command in the blocks, also behind `&&`, `|` or `--`, without what is redirected."""
    for line in lines_of(page):
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split, lexer.commenters = True, "#"
        words: list[str] = []
        redirected = False
        for word in [*lexer, ";"]:
            if set(word) <= set("|&;"):
                if words:
                    yield words
                words = []
            elif set(word) <= set("<>"):
                redirected = True
            elif redirected:
                redirected = False
            else:
                words.append(word)


def own_commands(page: str) -> Iterator[list[str]]:
    """The arguments of each call of tuneworth in the blocks."""
    for words in commands(page):
        for place, word in enumerate(words):
            before = words[place - 1] if place else ""
            if (word == "tuneworth" and before in ("", "--")) or (word == "tuneworth.cli" and before == "-m"):
                yield words[place + 1 :]
                break


def resolved(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command and its arguments. Raises: KeyError with the name that is no command."""
    if words[:2] == ["runs", "prune"]:  # a command inside one that is no group
        return prune, words[2:]
    command: click.Command = tuneworth
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            raise KeyError(words[0])
        command, words = found, words[1:]
    return command, words


def refusal(words: list[str]) -> str:
    """What the command line says against a command; empty if it accepts it."""
    command, rest = resolved(words)
    with suppress(click.exceptions.Exit):  # --help, --version
        try:
            command.make_context("tuneworth", rest)
        except click.UsageError as error:
            return f"tuneworth {shlex.join(words)}: {error.format_message()}"
    return ""


def leaves(command: click.Command = tuneworth) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            if (found := command.get_command(click.Context(command), name)) is not None:
                yield from leaves(found)


def options_of(command: click.Command) -> set[str]:
    parameters = command.get_params(click.Context(command))
    return {name for one in parameters for name in (*one.opts, *one.secondary_opts) if name.startswith("-")}


@pytest.mark.parametrize("page", PAGES)
def test_every_command_in_a_block_is_one_that_the_command_line_accepts(page):
    assert [refused for words in own_commands(page) if (refused := refusal(words))] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_in_a_sentence_exists(page):
    known = {name for command in leaves() for name in options_of(command)}
    for text in INLINE.findall(prose(page)):
        words = re.findall(r"--?[a-z][\w-]*|[\w.-]+", text)
        if text.startswith("tuneworth "):
            command, rest = resolved([word for word in words[1:] if word])
            options = {word for word in rest if word.startswith("--")}
            assert options <= options_of(command), text
        elif text.startswith("--") and words[0] not in OTHERS and not page.startswith(ABOUT_OTHERS):
            assert words[0] in known, text


@pytest.mark.parametrize("page", PAGES)
def test_every_program_is_one_that_a_new_machine_has(page):
    for words in commands(page):
        program = words[0]
        if page.startswith(("README", "docs")) and "runs-on:" not in TEXTS[page]:  # scripts of CI have its programs
            assert program in {"tuneworth", *PROGRAMS}, words
        if program == "python":
            assert words[1] in SCRIPTS or words[1].startswith("-") or (ROOT / words[1]).is_file(), words


@pytest.mark.parametrize("page", PAGES)
def test_pip_installs_from_the_clone(page):
    """Tuneworth is not on the package index; what it depends on is."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for words in re.findall(r"pip install ([^`\n#]*)", TEXTS[page]):
        for word in shlex.split(words.replace("(", "").replace(")", ""), comments=True):
            assert not re.match(r"tuneworth(\[|=|$)", word), f"{page}: pip install {words}"
            if found := re.fullmatch(r"\.\[([\w,]+)\]", word):
                assert set(found[1].split(",")) <= extras.keys() | {"NAME"}, words


@pytest.mark.parametrize("page", PAGES)
def test_every_target_of_make_exists(page):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = [words[1] for words in commands(page) if words[0] == "make" and len(words) > 1]
    targets += [text.split()[1] for text in INLINE.findall(prose(page)) if re.match(r"make [a-z]", text)]
    assert [name for name in targets if f"\n{name}:" not in makefile] == []


def anchors(page: Path) -> set[str]:
    """The addresses of a page's headings, as GitHub gives them."""
    counts: Counter[str] = Counter()
    found = set()
    for title in re.findall(r"^#+ (.*)$", BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE):
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        name = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        found.add(f"{name}-{counts[name]}" if counts[name] else name)
        counts[name] += 1
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_link_and_anchor_leads_somewhere(page):
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", prose(page)):
        if target.startswith("http"):
            continue
        file = ((ROOT / page).parent / target).resolve() if target else ROOT / page
        assert file.exists(), target
        if anchor:
            assert file.suffix == ".md", f"{target}#{anchor}"
            assert anchor in anchors(file), f"{target}#{anchor}"


def test_each_page_has_one_title_of_its_own():
    titles = {page: re.findall(r"^# (.*)$", prose(page), re.MULTILINE) for page in PAGES}
    assert {page: found for page, found in titles.items() if len(found) != 1} == {}
    assert [title for title, count in Counter(found[0] for found in titles.values()).items() if count > 1] == []


def test_the_index_lists_every_page_of_the_docs():
    listed = re.findall(r"\]\(([\w-]+\.\w+)", TEXTS["docs/README.md"])
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages - set(listed) == set()
    assert [name for name, count in Counter(listed).items() if count > 1] == []
