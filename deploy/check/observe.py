"""Observes a server: its answers and counts, and evidence from the judged model's weights and tokenizer, if they are here."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ...core import ModelError
from ...evaluate import Variant, answer_chats, local_folder, prompts_of, read_raws
from ...project import Run
from .observations import ROW_SCHEMA, Margins, Marks, Observations, Reading, read_probes
from .recorded import Recorded, tokenizer_of
from .server import Served, Server, open_server

if TYPE_CHECKING:
    from ...train import LoadedModel

BASE_ROWS = 8  # outputs of the base model to generate; agreement on a few is conclusive
MARGIN_ROWS = 64  # recorded outputs that the judged model reads: 10 s of one core with the default model


def observe(
    run: Run, judged: Recorded, served: Served, pairs: pl.DataFrame, *, counted: pl.DataFrame, outputs: pl.DataFrame,
    twice: pl.DataFrame | None, store: Path,
) -> Observations:  # fmt: skip
    """Everything that can be observed of the server (answers, counts, tokens), and what the judged weights here add.

    `counted`, `outputs` and `twice` are the answers to the probe chats, to the requests of `pairs`, and to some of them sent a
    second time. `store` gets outputs of the base model, if some have to be generated.
    """
    tokenizer = tokenizer_of(run, judged.model) if judged.model and judged.variant.local else None
    with open_server(served.url, key_env=served.key_env) as server:
        declared = server.declared(served.model)
        reading = None if tokenizer is None else _reading(server, served.model, judged, pairs, tokenizer)
    observed = Observations(
        _rows(judged, outputs),
        temperature=judged.temperature,
        max_new_tokens=judged.max_new_tokens,
        again=None if twice is None else _twice(outputs, twice),
        probes=read_probes(dict(counted.select("id", "input_tokens").iter_rows()), _counter(tokenizer)),
        reading=reading,
        marks=None if tokenizer is None else _marks_of(tokenizer),
        declared_bits=declared.bits,
        declared_context=declared.context,
    )
    if tokenizer is None:
        return observed
    observed = replace(observed, split=_split_of(tokenizer))
    if not observed.greedy or all(not place.parts for place in observed.places):
        return observed  # with nothing to explain, the weights are not loaded
    loaded, answered = weights_of(judged), observed.answered
    asked = answered.select("id").join(pairs, on="id", how="left", maintain_order="left")
    base = _base_outputs(run, judged, asked, loaded, store)
    margins = None if loaded is None else measure_margins(judged, answered, asked, loaded)
    return replace(observed, base=base, margins=margins)


def _rows(judged: Recorded, outputs: pl.DataFrame) -> pl.DataFrame:
    """The recorded and the served answer for each pair; the first if there are several."""
    ours = judged.first.select(
        "id", recorded="output", recorded_prompt="input_tokens", recorded_tokens="output_tokens",
        recorded_finish="finish_reason", recorded_seconds="seconds",
    )  # fmt: skip
    theirs = outputs.unique("id", keep="first", maintain_order=True).select(
        "id", "error", "reasoning_tokens", served="output", served_prompt="input_tokens", served_tokens="output_tokens",
        served_finish="finish_reason", served_seconds="seconds",
    )  # fmt: skip
    return theirs.join(ours, on="id", how="left", maintain_order="left").select(list(ROW_SCHEMA))


def _twice(outputs: pl.DataFrame, twice: pl.DataFrame) -> pl.DataFrame:
    """The texts of the requests that were sent twice and answered both times."""
    both = twice.select("id", "error", second="output").join(
        outputs.select("id", first_error="error", first="output"), on="id", how="left"
    )
    answered = both.filter(pl.col("error").is_null() & pl.col("first_error").is_null())
    return answered.select("id", pl.col("first", "second").fill_null(""))


def _counter(tokenizer: Any) -> Callable[[Sequence[Any], bool], list[int]] | None:
    """Counts the prompt tokens of chats with the judged template; None without its tokenizer."""
    if tokenizer is None:
        return None
    from ...train import encode_texts, render_text

    def count(chats: Sequence[Any], opened: bool) -> list[int]:
        texts = [
            render_text(tokenizer, chat)
            if opened
            else tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=False)
            for chat in chats
        ]
        return [len(ids) for ids in encode_texts(tokenizer, texts)]

    return count


def _reading(server: Server, model: str, judged: Recorded, pairs: pl.DataFrame, tokenizer: Any) -> Reading | None:
    """The tokens of the first request, as expected and as the server reads it; None if the server does not report them."""
    from ...train import render_prompt, render_text

    (chat,) = prompts_of(judged.variant, pairs.head(1))
    reported = server.read_chat(model, chat)
    if reported is None:
        return None
    return Reading(
        render_prompt(tokenizer, chat),
        reported[0],
        lambda id: str(tokenizer.decode([id])),
        server_text=reported[1],
        expected_text=render_text(tokenizer, chat),
    )


# --- the judged weights, if they are on this machine --------------------------------------------------------------


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


def _marks_of(tokenizer: Any) -> Marks | None:
    """The texts with which the tokenizer and its template begin and end a turn."""
    from ...train import control_texts, end_of_turn

    try:
        end = tokenizer.convert_ids_to_tokens(end_of_turn(tokenizer))
    except ModelError:
        return None
    return Marks(str(end), control_texts(tokenizer), tokenizer.bos_token)


def _base_outputs(
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


def _split_of(tokenizer: Any) -> Callable[[str], Sequence[int | str]]:
    """A function that splits a text into the tokenizer's tokens."""
    from ...train import encode_texts

    return lambda text: encode_texts(tokenizer, [text])[0]
