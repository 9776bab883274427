"""What the model will see: a typical pair as text, and notices about pairs that the model's template affects."""

import polars as pl

from .examples import encoded, some_pairs, text_columns
from .model.chat import ANSWER, QUESTION, chat_messages, control_texts, render_text
from .model.load import LoadedModel

__all__ = ["pair_notices", "preview"]

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
