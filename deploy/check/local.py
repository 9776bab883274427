"""Evidence about served answers from the judged model's weights and tokenizer, if they are on this machine."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ...core import ModelError
from ...evaluate import Variant, answer_chats, local_folder, prompts_of, read_raws
from ...project import Run
from .observations import Margins, Marks
from .recorded import Recorded

if TYPE_CHECKING:
    from ...train import LoadedModel

__all__ = ["base_outputs", "marks_of", "measure_margins", "split_of", "weights_of"]

BASE_ROWS = 8  # outputs of the base model to generate; agreement on a few is conclusive
MARGIN_ROWS = 64  # recorded outputs that the judged model reads: 10 s of one core with the default model


def weights_of(recorded: Recorded) -> "LoadedModel | None":
    """The judged variant's base model, loaded; None if it was at an endpoint, or is not on this machine."""
    from ...train import EMBEDDED_NAME, load_model

    if not recorded.variant.local or not recorded.model:
        return None
    try:
        folder = local_folder(recorded.model)
        if folder is None:
            return None
        return load_model(recorded.model if recorded.model == EMBEDDED_NAME else str(folder))
    except (ModelError, ImportError):
        return None


def marks_of(tokenizer: Any) -> Marks | None:
    """The texts with which the tokenizer and its template begin and end a turn."""
    from ...train import control_texts, end_of_turn

    try:
        end = tokenizer.convert_ids_to_tokens(end_of_turn(tokenizer))
    except ModelError:
        return None
    return Marks(str(end), control_texts(tokenizer), tokenizer.bos_token)


def base_outputs(
    run: Run, recorded: Recorded, pairs: pl.DataFrame, loaded: "LoadedModel | None", store: Path
) -> dict[str, str]:
    """The base model's outputs for the same requests, by id: those that the run recorded, or a few generated now.

    Empty if the judged variant has no adapter, or its base model is not available.
    """
    if not recorded.variant.tuned:
        return {}
    if found := _recorded_base(run, recorded):
        return found
    if loaded is None or recorded.variant.adapter is None:
        return {}
    few = pairs.head(BASE_ROWS)
    variant = Variant("base", "base model", recorded.variant.guide, examples=recorded.variant.examples)
    table = answer_chats(
        variant, few["id"].to_list(), prompts_of(recorded.variant, few), loaded=loaded, temperature=0.0,
        max_new_tokens=recorded.max_new_tokens, store=store,
    )  # fmt: skip
    return dict(table.select("id", pl.col("output").fill_null("")).iter_rows())


def _recorded_base(run: Run, recorded: Recorded) -> dict[str, str]:
    """The outputs of a variant that is the same model without the adapter, prompted the same way."""
    ours = recorded.variant
    for raw in read_raws(run.folder / "evaluate"):
        variant = raw.variant
        same_prompt = (variant.guide, variant.examples, variant.nearest) == (ours.guide, ours.examples, None)
        if variant.source == "base model" and raw.model == recorded.model and same_prompt and ours.nearest is None:
            first = raw.outputs.unique("id", keep="first", maintain_order=True)
            return dict(first.select("id", pl.col("output").fill_null("")).iter_rows())
    return {}


def measure_margins(
    recorded: Recorded, rows: pl.DataFrame, pairs: pl.DataFrame, loaded: "LoadedModel"
) -> Margins | None:
    """The judged model's margins at each token of the recorded outputs, up to where the served outputs diverge.

    `rows` are the rows of a check, `pairs` their pairs; only the first rows are read. None if the adapter is missing.
    """
    from ...train import answer_margins, encode_prompts, encode_texts, end_of_turn, render_text

    tokenizer = loaded.tokenizer
    before, after = answer_margins(tokenizer)
    end = [*encode_texts(tokenizer, [after])[0], end_of_turn(tokenizer)] if after else [end_of_turn(tokenizer)]
    texts = rows.select("id", "recorded", "served", "recorded_finish").head(MARGIN_ROWS).rows()
    chats = prompts_of(recorded.variant, pairs.head(MARGIN_ROWS))
    prompts = encode_prompts(tokenizer, chats, [render_text(tokenizer, chat) for chat in chats])
    kept: list[float] = []
    left: list[float] = []
    try:
        with _with_adapter(loaded, recorded.variant.adapter) as model:
            for (_, ours, theirs, finish), prompt in zip(texts, prompts, strict=True):
                ids = encode_texts(tokenizer, [before + ours, before + theirs])
                whole = [row + end for row in ids] if finish == "stop" else ids
                _read_row(model, prompt, whole[0], whole[1], kept, left)
    except ModelError:
        return None
    return Margins(np.array(kept), np.array(left))


def _with_adapter(loaded: "LoadedModel", adapter: Path | None) -> AbstractContextManager[Any]:
    from ...train import merged_adapter

    return nullcontext(loaded.model) if adapter is None else merged_adapter(loaded, adapter)


def _read_row(
    model: Any, prompt: Sequence[int], ours: Sequence[int], theirs: Sequence[int], kept: list[float], left: list[float]
) -> None:
    """Add the margins of one output: of the recorded token over the second most likely one while both outputs agree (to
    `kept`), then over the served token (to `left`)."""
    import torch

    place = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
    agreed = min(len(ours), len(theirs)) if place is None else place
    read = [*prompt, *ours[: agreed if place is None else agreed + 1]]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([read], device=model.device), use_cache=False).logits[0].float().cpu()
    logits = logits[len(prompt) - 1 :]  # the row at n has the choice of token n of the output
    first, second = logits[:agreed].topk(2, dim=-1).values.unbind(-1)
    kept += (first - second).tolist()
    if place is not None:
        left.append(float(logits[place, ours[place]] - logits[place, theirs[place]]))


def split_of(tokenizer: Any) -> Callable[[str], Sequence[int | str]]:
    """A function that splits a text into the tokenizer's tokens."""
    from ...train import encode_texts

    return lambda text: encode_texts(tokenizer, [text])[0]
