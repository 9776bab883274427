"""What the model will see: token counts, a typical pair as text, and checks that it learns what the pairs teach."""

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from .examples import Example, encoded, some_pairs, text_columns
from .loss import LossPath
from .model.chat import ANSWER, QUESTION, chat_messages, control_texts, end_of_turn, render_text
from .model.kernels import lora_layers
from .model.load import LoadedModel

# --- token counts ------------------------------------------------------------------------------------------------

BINS = 8  # of the histogram, about the maximum: a line of a terminal each


@dataclass(frozen=True)
class TokenCounts:
    """Tokens of the train pairs. `computed` is what the model computes of `total` in one epoch: a prefix that the
    pairs of a batch share is computed once, padding is added. `histogram` holds (from, below, pairs); the last bin
    has no upper end if its `below` is None.
    """

    total: int
    prompt: int
    answer: int
    computed: int
    shortest: int
    median: int
    longest: int
    longest_answer: int
    histogram: tuple[tuple[int, int | None, int], ...]


def count_tokens(examples: Sequence[Example], *, computed_share: float) -> TokenCounts:
    """The counts of these examples; `computed_share` is tokens computed per real token."""
    lengths = pl.Series([len(e.ids) for e in examples])
    prompt = sum(e.prompt_tokens for e in examples)
    total = int(lengths.sum())
    return TokenCounts(
        total=total, prompt=prompt, answer=total - prompt, computed=round(total * computed_share),
        shortest=int(lengths.min()), median=int(lengths.median()), longest=int(lengths.max()),  # type: ignore[arg-type]
        longest_answer=max(e.answer_tokens for e in examples), histogram=length_histogram(lengths),
    )  # fmt: skip


def length_histogram(lengths: pl.Series) -> tuple[tuple[int, int | None, int], ...]:
    """Bins of one round width for nearly all pairs; the few outliers share a first or last bin."""
    counts = np.sort(lengths.to_numpy())
    last = len(counts) - 1
    low, high = int(counts[math.floor(0.01 * last)]), int(counts[math.ceil(0.99 * last)])
    width = _round_up((high - low + 1) / BINS)
    edges = list(range(low // width * width, high + width + 1, width))
    if counts[0] < edges[0]:
        edges.insert(0, int(counts[0]))
    places = [*np.searchsorted(counts, edges).tolist(), len(counts)]
    bins = list(zip(edges, [*edges[1:], None], np.diff(places).tolist(), strict=True))
    while not bins[-1][2]:
        bins.pop()
    return tuple(bins)


def _round_up(number: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50, ..."""
    power = 10 ** math.floor(math.log10(max(1.0, number)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= number)


# --- a typical pair ----------------------------------------------------------------------------------------------

HEAD, TAIL = 700, 500  # characters of a long text that are shown: about a dozen lines of a terminal each
LINES = 12  # at each end of a text of many lines


def pair_notices(pairs: pl.DataFrame, *, model: LoadedModel) -> tuple[str, ...]:
    """Unexpected effects of the model's template on these pairs, one sentence each; usually none."""
    table, notices = text_columns(pairs), []
    controls = list(control_texts(model.tokenizer))
    questions = table.select("id", text=pl.concat_str("input", "system", separator="\n", ignore_nulls=True))
    named = questions.filter(pl.col("text").str.contains_any(controls))
    if len(named):
        notices.append(
            f"{some_pairs(named['id'].to_list())} with the name of one of the model's control tokens in the input, which "
            "is read as text"
        )
    space = table.filter(pl.col("output") != pl.col("output").str.strip_chars(), pl.col("output").str.contains(r"\S"))
    if len(space) and f" {ANSWER} " not in render_text(model.tokenizer, chat_messages(QUESTION), answer=f" {ANSWER} "):
        notices.append(
            f"{some_pairs(space['id'].to_list())} with white space around the output, which the model's chat template "
            "removes"
        )
    return tuple(notices)


def preview(pairs: pl.DataFrame, *, model: LoadedModel) -> str:
    """A typical pair, of median length, as the model sees it, in plain text with the part in the loss marked.

    In a long text the middle is omitted, never the end, which has the token that ends the answer.
    """
    table = text_columns(pairs)
    length = pl.sum_horizontal(pl.col("input", "output", "system").str.len_chars())
    middle = table.with_columns(_length=length).sort("_length", "id")[(len(table) - 1) // 2]
    ((example, _),) = encoded(middle, model)
    before = model.tokenizer.decode(example.ids[: example.prompt_tokens])
    after = model.tokenizer.decode(example.ids[example.prompt_tokens :])
    head = f"pair {' '.join(example.id.split())}: {len(example.ids)} tokens, the {example.answer_tokens} marked > are learnt"
    return "\n".join([head, *_marked(before.removesuffix("\n"), "|"), *_marked(after, ">")])


def _marked(text: str, mark: str) -> list[str]:
    return [f"  {mark} {line}" for line in _shortened(text).split("\n")]


def _shortened(text: str) -> str:
    """The text with its middle omitted if it is long."""
    lines = text.split("\n")
    if len(lines) > 2 * LINES:
        gap = f"... {len(lines) - 2 * LINES:,} lines omitted ..."
        text = "\n".join([*lines[:LINES], gap, *lines[-LINES:]])
    if len(text) > HEAD + TAIL:
        text = f"{text[:HEAD]} ... {len(text) - HEAD - TAIL:,} characters omitted ... {text[-TAIL:]}"
    return text


# --- checks ------------------------------------------------------------------------------------------------------

# The allowed difference of a mean loss between two methods (in nats, and relative): bf16 rounds each
# activation to 0.4%; in fp32 the methods agree to a millionth.
ROUNDING = {torch.float32: 1e-3, torch.bfloat16: 0.03, torch.float16: 0.03}


@dataclass(frozen=True)
class Check:
    """One check: the requirement, whether it holds, and what was observed."""

    name: str
    ok: bool
    seen: str

    def line(self) -> str:
        """The check as a line of text."""
        return f"{self.name}: {'yes' if self.ok else 'NO'} ({self.seen})"


def data_checks(examples: Sequence[Example], *, model: LoadedModel, prompts: Sequence[Sequence[int]]) -> list[Check]:
    """Checks of the pairs' tokens. `prompts` are the first examples' prompts as generation would start from them."""
    tokenizer, count = model.tokenizer, len(examples)
    end, bos = end_of_turn(tokenizer), tokenizer.bos_token_id
    learnt = sum(e.ids[-1] == end for e in examples)
    fewest = min(e.answer_tokens for e in examples)
    same = sum(e.ids[: e.prompt_tokens] == tuple(p) for e, p in zip(examples, prompts, strict=False))
    first = 0 if bos is None else sum(e.ids[:2] == (bos, bos) for e in examples)
    found = "this model has none" if bos is None else f"{tokenizer.convert_ids_to_tokens(bos)}, {first} pairs with two"
    token = tokenizer.convert_ids_to_tokens(end)
    return [
        Check(
            f"the end-of-answer token {token} is learnt",
            learnt == count,
            f"last label of {learnt:,} of {count:,} pairs",
        ),
        Check("every pair has something to learn", fewest > 1, f"at least {fewest} tokens"),
        Check("there is at most one begin-of-text token", first == 0, found),
        Check(
            "the prompt is the same as in generation",
            same == len(prompts),
            f"{same} of {len(prompts)} pairs compared",
        ),
    ]


def loss_checks(path: LossPath, examples: Sequence[Example], *, stock: float) -> list[Check]:
    """Checks of the loss of a few pairs: labels are answers only, as in stock transformers, summed over tokens.

    `stock` is `stock_loss` of the first of them.
    """
    with torch.no_grad():
        batch = path.batch(examples)
        whole = float(path.loss(batch).total)
        alone = [float(path.loss(path.batch([e])).total) for e in examples]
    answers = [id for e in examples for id in e.ids[e.prompt_tokens :]]
    tokens = len(answers)
    first, parts = alone[0] / examples[0].answer_tokens, sum(alone) / tokens
    return [
        Check(
            "the labels are the answers' tokens only, without padding", batch.labels.tolist() == answers, f"{tokens} compared"
        ),
        Check(
            "the untuned model's loss equals that of stock transformers", _near(path, first, stock),
            f"{first:.3f} and {stock:.3f}",
        ),
        Check(
            "a step divides by the number of its learnt tokens", _near(path, whole / tokens, parts),
            f"loss {whole / tokens:.3f} in one part, {parts:.3f} in {len(examples)}",
        ),
    ]  # fmt: skip


def stock_loss(base: Any, example: Example) -> float:
    """The mean loss of one pair's answer as plain transformers computes it, with logits at every position."""
    ids = torch.tensor([example.ids], device=base.device)
    with torch.no_grad():
        logits = base(input_ids=ids, use_cache=False).logits[0, example.prompt_tokens - 1 : -1].float()
    return float(torch.nn.functional.cross_entropy(logits, ids[0, example.prompt_tokens :]))


def drawn_weights(adapted: Any) -> list[torch.Tensor]:
    """Copies of the initial weights of the adapter's layers."""
    weights: list[Any] = [layer.lora_A["default"].weight for layer in lora_layers(adapted)]
    return [weight.detach().clone() for weight in weights]


def seed_check(once: Sequence[torch.Tensor], again: Sequence[torch.Tensor], *, seed: int) -> Check:
    """Whether two adapters have the same initial weights, as they must if the seed is set first."""
    same = len(once) == len(again) and all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    return Check("the seed determines the initial adapter", same, f"seed {seed}, {len(once)} layers initialised twice")


def template_check(model: LoadedModel) -> tuple[Check, int]:
    """Whether the chat template is saved with the tokenizer, as for the adapter; and the bytes that they take."""
    with tempfile.TemporaryDirectory(prefix="tuneworth-") as folder:
        model.tokenizer.save_pretrained(folder)
        taken = saved_bytes(Path(folder))
        file = Path(folder) / "chat_template.jinja"
        kept = file.is_file() and file.read_text(encoding="utf-8").strip() == model.tokenizer.chat_template.strip()
    return Check("the chat template is saved with the adapter", kept, f"{model.template} template"), taken


def saved_bytes(folder: Path) -> int:
    """The size of all files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _near(path: LossPath, one: float, other: float) -> bool:
    return abs(one - other) <= ROUNDING.get(path.base.dtype, 0.03) * (1 + abs(other))
