"""Tiny random models of the families that people tune, each with a template of the family's peculiarities.

The templates are short ones of our own: what matters is who writes BOS, what a system message becomes, what stands
around an answer and what ends it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

IM = (  # <|im_start|> role, newline, text <|im_end|> newline
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
OWN_SYSTEM = "{% if messages[0].role != 'system' %}<|im_start|>system\nYou are a helper.<|im_end|>\n{% endif %}"
LLAMA3 = (
    "{{ bos_token }}<|start_header_id|>system<|end_header_id|>\n\nToday: "
    "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% endif %}\n"
    "{% if messages[0].role == 'system' %}{{ messages[0].content }}{% endif %}<|eot_id|>"
    "{% for m in messages if m.role != 'system' %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
QWEN3 = (  # an empty block of thoughts before the last answer, and before a question where thinking is off
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' %}{% set parts = m.content.split('</think>') %}"
    "{% if loop.last %}<think>\n{{ parts[0].split('<think>')[-1].strip('\n') if parts | length > 1 }}\n</think>\n\n"
    "{% endif %}{{ parts[-1].lstrip('\n') }}{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ m.content | trim }}<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
MISTRAL = (  # system text in the user's turn, no newline, a space before the answer
    "{{ bos_token }}{% if messages[0].role == 'system' %}{% set said = messages[0].content + '\n\n' %}"
    "{% set rest = messages[1:] %}{% else %}{% set said = '' %}{% set rest = messages %}{% endif %}"
    "{% for m in rest %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if m.role == 'user' %}[INST] {{ said if loop.last or loop.index == loop.length - 1 }}{{ m.content }}[/INST]"
    "{% else %} {{ m.content }}</s>{% endif %}{% endfor %}"
)
PHI3 = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% else %}{{ eos_token }}{% endif %}"
)
SMOLLM3 = (
    "{% if enable_thinking is not defined %}{% set enable_thinking = true %}{% endif %}"
    "<|im_start|>system\nToday Date: {{ strftime_now(\"%d %B %Y\") }}\nMode: /{{ 'think' if enable_thinking else 'no_think' }}"
    "{% if messages[0].role == 'system' %}\n{{ messages[0].content }}{% endif %}<|im_end|>\n"
    "{% for m in messages if m.role != 'system' %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and not enable_thinking %}<think>\n\n</think>\n{% endif %}{{ m.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if not enable_thinking %}<think>\n\n</think>\n{% endif %}{% endif %}"
)


def bytes_tokenizer(*special: str, added: tuple[str, ...] = (), begins: str | None = None, **named: str) -> Any:
    """Bytes as tokens with a merge across a line break; `begins` is put before a text, as a base model's BOS is."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    alphabet = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "ĊĊ", "Ġa"]
    vocabulary = {token: id for id, token in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[("Ċ", "Ċ"), ("Ġ", "a")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in added])
    if begins:
        front = (begins, tokenizer.token_to_id(begins))
        tokenizer.post_processor = processors.TemplateProcessing(single=f"{begins} $A", special_tokens=[front])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)


def pieces_tokenizer(*special: str, prefix_space: bool, **named: str) -> Any:
    """SentencePiece's manner: spaces are `▁`, one is put before a text (Mistral) or not (Gemma), unknown bytes are tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = [chr(code) for code in range(33, 127)]
    tokens = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "\n", *letters, "▁a", "\n\n"]
    model = models.BPE(
        vocab={token: id for id, token in enumerate(tokens)}, merges=[("▁", "a"), ("\n", "\n")], byte_fallback=True,
        unk_token="<unk>", fuse_unk=True,
    )  # fmt: skip
    tokenizer = Tokenizer(model)
    undo = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    if prefix_space:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
        undo.append(decoders.Strip(" ", 1, 0))
    else:
        tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence(undo)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in ("<unk>", *special)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", **named)


@dataclass(frozen=True)
class Family:
    """How to make one: configuration, tokenizer, template, and what is known of it."""

    config: str  # a class of transformers
    tokenizer: Callable[[], Any]
    template: str | None
    end: str
    extra: dict[str, Any] = field(default_factory=dict)
    one_sequence: bool = True  # its attention takes batches in one sequence
    split_head: bool = True  # its logits are the head's alone


def im(**named: str) -> Any:
    return bytes_tokenizer(
        "<|pad|>", "<|im_start|>", "<|im_end|>", "<|endoftext|>", added=("<think>", "</think>"), eos_token="<|im_end|>",
        **{"pad_token": "<|endoftext|>", **named},
    )  # fmt: skip


def mistral() -> Any:
    return pieces_tokenizer(
        "<s>", "</s>", "[INST]", "[/INST]", prefix_space=True, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )


def gemma() -> Any:
    return pieces_tokenizer(
        "<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>", prefix_space=False, bos_token="<bos>",
        eos_token="<eos>", pad_token="<pad>",
    )  # fmt: skip


def llama3() -> Any:
    return bytes_tokenizer(
        "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", begins="<|begin_of_text|>",
        bos_token="<|begin_of_text|>", eos_token="<|eot_id|>", pad_token="<|eot_id|>",
    )  # fmt: skip


def phi3() -> Any:
    return bytes_tokenizer(
        "<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>", eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
    )  # fmt: skip


def base() -> Any:
    return bytes_tokenizer("<s>", "<|endoftext|>", begins="<s>", bos_token="<s>", eos_token="<|endoftext|>")


BASE = "base without template"
FAMILIES = {
    "llama3": Family("LlamaConfig", llama3, LLAMA3, "<|eot_id|>"),
    "qwen2": Family("Qwen2Config", im, OWN_SYSTEM + IM, "<|im_end|>"),
    "qwen3": Family("Qwen3Config", im, QWEN3, "<|im_end|>", {"head_dim": 12}),
    "gemma2": Family(
        "Gemma2Config", gemma, GEMMA, "<end_of_turn>",
        {"head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 32, "attn_logit_softcapping": 5.0,
         "final_logit_softcapping": 3.0},
        one_sequence=False, split_head=False,
    ),
    "gemma3": Family(
        "Gemma3TextConfig", gemma, GEMMA, "<end_of_turn>",
        {"head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 200,
         "layer_types": ["sliding_attention", "full_attention"]},
    ),
    "gemma3, rows beyond its window": Family(
        "Gemma3TextConfig", gemma, GEMMA, "<end_of_turn>",
        {"head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 16,
         "layer_types": ["sliding_attention", "full_attention"]},
        one_sequence=False,
    ),
    "mistral": Family("MistralConfig", mistral, MISTRAL, "</s>", {"sliding_window": None}),
    "mistral, rows beyond its window": Family(
        "MistralConfig", mistral, MISTRAL, "</s>", {"sliding_window": 16}, one_sequence=False
    ),
    "phi3": Family("Phi3Config", phi3, PHI3, "<|end|>", {"sliding_window": 200}),
    "smollm2": Family(
        "LlamaConfig", lambda: im(bos_token="<|im_start|>", pad_token="<|im_end|>"), OWN_SYSTEM + IM, "<|im_end|>",
        {"tie_word_embeddings": True},
    ),
    "smollm3": Family("SmolLM3Config", im, SMOLLM3, "<|im_end|>", {"no_rope_layers": [1, 0]}),
    BASE: Family("LlamaConfig", base, None, "<|endoftext|>"),
}  # fmt: skip


def make_model(family: Family, folder: Path) -> Path:
    """The family's tiny random model as a folder."""
    import torch
    import transformers

    tokenizer = family.tokenizer()
    tokenizer.chat_template = family.template
    config = getattr(transformers, family.config)(
        vocab_size=-(-len(tokenizer) // 8) * 8, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
        **{"tie_word_embeddings": False, **family.extra},
        initializer_range=0.3,  # at the usual 0.02 a frozen random head can say nothing with confidence
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=None,  # its row would be drawn as zeros, and with a tied head such an end token is never written
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> Family:
    """Each family in turn."""
    return FAMILIES[request.param]


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.slow] * (name != BASE)) for name in FAMILIES])
def family_to_fit(request: pytest.FixtureRequest) -> Family:
    """Each family in turn, for what takes a second; without the slow tests only the base model."""
    return FAMILIES[request.param]


@pytest.fixture(scope="session")
def family_models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Family], Any]:
    """What gives a family's tiny model in memory, in fp32, made and loaded at its first use."""
    from tuneworth.train import load_model

    made: dict[int, Any] = {}

    def model(family: Family) -> Any:
        if id(family) not in made:
            folder = make_model(family, tmp_path_factory.mktemp("families") / "model")
            made[id(family)] = load_model(str(folder), dtype="float32")
        return made[id(family)]

    return model


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One thread for torch: the products of tiny models are too small to divide."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def family_model(family: Family, family_models: Callable[[Family], Any], one_thread: None) -> Any:
    """The family's tiny model, one for all tests."""
    return family_models(family)
