"""Templates for Ollama write what the model's own template writes; commands and Modelfiles hold any text."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tuneworth.core import ModelError
from tuneworth.deploy.export.chat_format import ChatFormat, go_literal, go_template, read_format, trimmed
from tuneworth.deploy.export.servers import (
    check_vllm_adapter,
    llama_command,
    modelfile,
    start_script,
    vllm_command,
    vllm_generation,
)
from tuneworth.train import chat_messages, render_text, sent_messages
from tuneworth.train.model.chat import settle_template

from ..train.conftest import FAMILIES, GEMMA, IM, SMOLLM3, Family, gemma, im

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
GEMMA3 = (  # a system message in the first user message
    "{{ bos_token }}{% set said = messages[0].content + '\n\n' if messages[0].role == 'system' else '' %}"
    "{% for m in messages if m.role != 'system' %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ said if loop.first }}{{ m.content | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
LINES = (  # a line break between turns, and none before the first
    "{% for m in messages %}{% if not loop.first %}{{ '\n' }}{% endif %}"
    "{{ {'user': 'User: ', 'assistant': 'Falcon: ', 'system': ''}[m.role] + m.content }}{% endfor %}"
    "{% if add_generation_prompt %}\nFalcon:{% endif %}"
)
OTHERS = {
    "a system message in the first turn": Family("", gemma, GEMMA3, "<end_of_turn>"),
    "lines": Family("", gemma, LINES, ""),
    "plain": Family("", gemma, "", "<eos>"),
}
TEMPLATES = json.loads(Path(__file__).with_name("ollama_templates.json").read_text(encoding="utf-8"))
NAMES = [name for name in FAMILIES if "," not in name and FAMILIES[name].template]


def tokenizer_of(family: Family) -> Any:
    tokenizer = family.tokenizer()
    tokenizer.chat_template = family.template
    settle_template(tokenizer)
    return tokenizer


def rendering(tokenizer: Any) -> Callable[[Sequence[Any], bool], str]:
    def render(chat: Sequence[Any], answer: bool) -> str:
        try:
            return tokenizer.apply_chat_template(list(chat), tokenize=False, add_generation_prompt=answer)
        except Exception as error:
            raise ModelError(str(error)) from error

    return render


def with_template(template: str) -> Callable[[Sequence[Any], bool], str]:
    tokenizer = im()
    tokenizer.chat_template = template
    return rendering(tokenizer)


# --- templates --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[*NAMES, *OTHERS])
def family(request: pytest.FixtureRequest) -> tuple[Any, ChatFormat]:
    tokenizer = tokenizer_of({**FAMILIES, **OTHERS}[request.param])
    return tokenizer, read_format(rendering(tokenizer))


@given(text=TEXTS, system=st.none() | TEXTS, earlier=st.none() | TEXTS)
@example(text="", system=None, earlier=None)
@example(text='"""{{ .System }}', system="{{", earlier="\u00a0")
def test_ollama_writes_any_chat_as_the_models_own_template_does(family, text, system, earlier):
    tokenizer, found = family
    assume(system is None or system.strip())
    examples = [] if earlier is None else [(earlier, "An answer.")]
    chat = sent_messages(tokenizer, chat_messages(text, system=system, examples=examples))
    assert found.prompt(trimmed(chat, found.trims)) == render_text(tokenizer, chat)


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_template_for_ollama_is_the_one_that_was_rendered_in_its_language(name):
    """Each was rendered with an interpreter of Go's templates, and wrote what the format writes."""
    found = read_format(rendering(tokenizer_of({**FAMILIES, **OTHERS}[name])))
    assert go_template(found, begin=True) == TEMPLATES[name]


def test_the_parts_of_a_template_are_named():
    found = read_format(with_template(SMOLLM3), begin_token="")
    assert found.system_at == "turn"
    assert found.user == ("<|im_start|>user\n", "<|im_end|>\n")
    system = "{% if messages[0].role != 'system' %}<|im_start|>system\nBe kind.<|im_end|>\n{% endif %}"
    assert read_format(with_template(system + IM)).default_system == "Be kind."
    assert read_format(with_template(IM)).default_system == ""


def test_a_begin_token_that_the_server_adds_is_left_out():
    tokenizer = tokenizer_of(FAMILIES["gemma2"])
    found = read_format(rendering(tokenizer), begin_token="<bos>")
    assert (found.begin, found.system_at, found.trims) == ("<bos>", "nowhere", frozenset({"user"}))
    assert "<bos>" not in go_template(found, begin=False)
    assert go_template(found, begin=True).startswith("<bos>")


@pytest.mark.parametrize(
    "template",
    [
        IM.replace("{{ m.content }}", "{{ m.content | upper }}"),
        IM.replace("{{ m.content }}", "{{ m.content | replace('  ', ' ') }}"),
        IM.replace("{{ m.content }}", "{{ m.content[:20] }}"),
        IM.replace("{% for m in messages %}", "{% for m in messages %}{{ loop.index }}"),
        IM.replace("{{ m.content }}", "{{ m.content or 'nothing' }}"),
        IM.replace("{{ m.content }}", "{{ m.content | e }}"),
        "{% for m in messages[-1:] %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}",
    ],
)
def test_a_template_that_does_more_is_refused(template):
    with pytest.raises(ModelError, match="chat template"):
        read_format(with_template(template))


# --- Go's language ----------------------------------------------------------------------------------------------


WRITTEN = re.compile(r'\{\{ "((?:\\U[0-9a-f]{8})+)" \}\}')  # an action with a string of escapes


@given(TEXTS)
@example("{{ .System }}")
@example("{")
@example('""""')
@example("\u00a0\u200b\r\x00")
def test_a_literal_holds_its_text_and_no_other_action(text):
    assert WRITTEN.sub(lambda found: found[1].encode().decode("unicode_escape"), go_literal(text)) == text
    assert "{{" not in WRITTEN.sub("", go_literal(text))
    assert '"""' not in go_literal(text)
    assert all(letter.isprintable() or letter in "\n\t" for letter in go_literal(text))


def test_ollama_joins_neighbouring_messages():
    found = read_format(with_template(IM))
    chat = [{"role": "user", "content": text} for text in ("a", "b")]
    assert found.prompt(chat) == found.prompt([{"role": "user", "content": "a\n\nb"}])


# --- Modelfile --------------------------------------------------------------------------------------------------


def read_modelfile(text: str) -> list[tuple[str, str]]:
    """The instructions as Ollama's parser sees them: letter by letter, a value ends at a white space after its quotes."""
    found: list[tuple[str, str]] = []
    state, name, held = "none", "", ""
    for letter in text + "\n":
        if state == "none":
            state, held = (
                ("comment", "") if letter == "#" else ("none", "") if letter in " \t\r\n" else ("name", letter)
            )
        elif state == "comment":
            state = "none" if letter in "\r\n" else "comment"
        elif state in ("name", "parameter") and letter in " \t":
            parameter = state == "name" and held.lower() == "parameter"
            state, name, held = ("parameter", name, "") if parameter else ("value", held.lower(), "")
        elif state == "value" and letter in " \t\r\n":
            value, whole = unquoted(held.strip())
            if not whole or letter in " \t":
                held += letter
            else:
                found.append((name, value))
                state, held = "none", ""
        elif letter.isprintable():
            held += letter
    assert state == "none", "the file ends within a value"
    return found


def unquoted(text: str) -> tuple[str, bool]:
    for quotes in ('"""', '"'):
        if text.startswith(quotes):
            whole = len(text) >= 2 * len(quotes) and text.endswith(quotes)
            return text[len(quotes) : -len(quotes)], whole
    return text, True


@given(source=TEXTS, template=TEXTS, stops=st.lists(TEXTS, max_size=3))
@example(source='a"b', template='"', stops=['"'])
@example(source="a\nFROM evil", template='x"""\nSYSTEM evil', stops=["a b", " ", "#"])
def test_ollama_reads_back_every_value_that_a_modelfile_takes(source, template, stops):
    template = go_literal(template)
    try:
        text = modelfile(source, template=template, stops=stops, context=1024, max_tokens=9, temperature=0.0)
    except ModelError:
        assert '"""' in "".join([source, *stops]) or any(not c.isprintable() for c in "".join([source, *stops]))
        return
    read = read_modelfile(text)
    assert [value for name, value in read if name == "from"] == [source]
    assert [value for name, value in read if name == "template"] == [template]
    assert [value for name, value in read if name == "stop"] == stops
    assert dict(read) | {"stop": ""} == {
        "from": source, "template": template, "temperature": "0", "repeat_penalty": "1", "num_predict": "9",
        "num_ctx": "1024", "stop": "",
    }  # fmt: skip


# --- commands ---------------------------------------------------------------------------------------------------


HOSTILE = ["a b", "$(touch x)", "'", '"', "--x", "`id`", "\n", "", "*", "\\", "é"]


def test_a_start_script_passes_every_word_as_it_is_and_runs_in_its_own_folder(tmp_path: Path):
    script = tmp_path / "a b" / "start.sh"
    script.parent.mkdir()
    says = "import json, os, sys; print(json.dumps([os.getcwd(), *sys.argv[1:]]))"
    script.write_text(start_script([sys.executable, "-c", says, *HOSTILE], about="Says its words."))
    done = subprocess.run(["sh", script, "--port", "1"], cwd="/", capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [str(script.parent), *HOSTILE, "--port", "1"]


def test_llama_server_gives_each_slot_the_whole_context():
    command = llama_command("./m.gguf", name="m", context=1024, max_tokens=9, temperature=0.0, template="./t.jinja")
    options = dict(pairwise(command))
    assert int(options["--ctx-size"]) == 1024 * int(options["--parallel"])
    assert (options["--temp"], options["--predict"], options["--chat-template-file"]) == ("0", "9", "./t.jinja")
    assert "--jinja" in command


@pytest.mark.parametrize(("rank", "most"), [(1, 1), (2, 8), (16, 16), (17, 32), (300, 320), (512, 512)])
def test_vllm_gets_the_smallest_rank_that_holds_the_adapter(rank, most):
    command = vllm_command(
        "org/base",
        name="m",
        context=1024,
        template="./t",
        generation="./g",
        dtype="bfloat16",
        adapter=("./adapter", rank),
    )
    assert command[command.index("--max-lora-rank") + 1] == str(most)
    assert command[command.index("--lora-modules") + 1] == "m=./adapter"


def test_the_page_explains_options_that_the_commands_have():
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| `(--[a-z-]+)", page.split("## Start it with vLLM")[1].split("## ")[0], re.MULTILINE)
    vllm = vllm_command(
        "b", name="m", context=9, template="t", generation="g", dtype="x", adapter=("a", 8), quantised=True
    )
    assert shown
    assert set(shown) <= set(vllm)
    llama = llama_command("m", name="m", context=9, max_tokens=9, temperature=0.0, template="t", lora="a")
    part = page.split("## Start it with llama.cpp")[1].split("\n## ")[0]
    assert {"--jinja", "--parallel", "--ctx-size", "--lora"} <= set(re.findall(r"--[a-z-]+", part)) & set(llama)


def test_an_adapter_that_vllm_does_not_serve_is_refused():
    with pytest.raises(ModelError, match="rank 512 at most"):
        vllm_command("b", name="m", context=9, template="t", generation="g", dtype="x", adapter=("a", 513))
    check_vllm_adapter({"r": 8, "modules_to_save": None, "use_dora": False, "bias": "none", "rank_pattern": {}})
    for key, value in {
        "modules_to_save": ["lm_head"],
        "use_dora": True,
        "bias": "all",
        "rank_pattern": {"q": 4},
    }.items():
        with pytest.raises(ModelError, match=f"{key}.\nExport the merged model"):
            check_vllm_adapter({key: value})


def test_transformers_reads_the_generation_settings_as_vllm_does(tmp_path: Path):
    from transformers import GenerationConfig

    settings = vllm_generation([2, 7], max_tokens=9, temperature=0.0)
    (tmp_path / "generation_config.json").write_text(json.dumps(settings))
    read = GenerationConfig.from_pretrained(tmp_path).to_diff_dict()
    assert {name: read.get(name) for name in settings} == settings


def test_the_templates_of_these_tests_are_of_several_families():
    assert len({FAMILIES[name].template for name in NAMES}) >= 6
    assert GEMMA in {FAMILIES[name].template for name in NAMES}
