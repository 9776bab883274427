"""The local variants on the same requests: each output is generated once and stored, even if the work is interrupted."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ...core import DataError, ModelError, appending, disk_refusals, open_stored, say, sha256_file, stored_line
from ...train import answer_margins, chat_messages, encode_prompts, render_text
from ..settings import EvaluateSettings
from ..variants import Variant
from .generate import Generation, generate_outputs, stop_ids
from .prompts import Chat, fitting_prompts, prompt_of
from .requests import BATCH, Requests, check_constrainable, plan_requests
from .table import OUTPUT_SCHEMA, Raced

if TYPE_CHECKING:
    from ...train import LoadedModel

Progress = Callable[[str, float, int], None]  # variant, outputs done (a started one as a part), outputs in total
ADAPTER = ("adapter_model.safetensors", "adapter_config.json")  # the files that determine what an adapter does
NAMED = 5  # ids of pairs in a message; more would not help


def race(
    variant: Variant,
    pairs: pl.DataFrame,
    *,
    loaded: "LoadedModel",
    settings: EvaluateSettings,
    max_new_tokens: int,
    store: Path,
    seed: int = 0,
    progress: Progress | None = None,
) -> Raced:
    """`settings.samples` outputs of a local variant for each pair, by the model in memory.

    Each finished batch of outputs is appended to `store` under a key of everything that determines it. Existing batches
    are reused, and the others are the same as without them. More samples generate only the new ones; another guide,
    model, adapter or seed regenerates only this variant. So does adding or removing a pair, since it changes the batches,
    on which texts depend in bf16.
    """
    prompts, _ = fitted_prompts(variant, pairs, loaded=loaded, max_new_tokens=max_new_tokens)
    table = answer_chats(
        variant, pairs["id"].to_list(), prompts, loaded=loaded, temperature=settings.temperature,
        samples=range(settings.samples), max_new_tokens=max_new_tokens, store=store, seed=seed, progress=progress,
    )  # fmt: skip
    return Raced(table, *_fixed_tokens(variant, loaded))


def answer_chats(
    variant: Variant,
    ids: Sequence[str],
    chats: Sequence[Chat],
    *,
    loaded: "LoadedModel",
    temperature: float,
    max_new_tokens: int,
    store: Path,
    seed: int = 0,
    samples: Sequence[int] = (0,),
    streams: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """The outputs of a local variant for these chats, one or more for each id, stored and reused as `race` does.

    Above temperature 0, an output depends on the name of its chat in `streams`, by default its id.
    """
    from ...train import check_adapter

    if variant.adapter:
        check_adapter(variant.adapter, loaded)
    requests = plan_requests(
        loaded, chats, max_new_tokens=max_new_tokens, batch_size=BATCH, constraint=variant.constraint
    )
    hashes = [hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest() for name in streams or ids]
    key = _key(variant, requests, loaded, temperature, hashes, seed)
    known = kept_batches(store, key=key, batches=requests.batches, samples=samples)

    def keep(batch: Sequence[Generation]) -> None:
        keep_batch(store, batch, key=key, variant=variant.name, ids=ids)
        nonlocal done
        done += len(batch)
        report(0.0)

    def report(started: float) -> None:
        if progress:
            progress(variant.name, done + started, len(ids) * len(samples))

    done = sum(map(len, known.values()))
    generated = generate_outputs(
        loaded, requests, adapter=variant.adapter, temperature=temperature, seed=seed, streams=hashes,
        samples=samples, done=known, on_batch=keep, on_token=report,
    )  # fmt: skip
    return _table(
        [*generated, *(generation for batch in known.values() for generation in batch)], variant, ids, loaded.name
    )


def token_limit(tokenizer: Any, outputs: Sequence[str]) -> int:
    """1.5 times the longest training output, in tokens: room for an answer, and a limit for loops."""
    longest = max((len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in outputs), default=0)
    return max(16, -(-3 * longest // 2))


def check_room(variant: Variant, pairs: pl.DataFrame, *, loaded: "LoadedModel", max_new_tokens: int) -> int:
    """Check the context before any work: a guide that does not fit would be cut, which makes the comparison unfair.

    Returns the number of requests whose prompts show fewer of the nearest examples, so that they fit.
    Raises: ModelError with the pairs whose prompts leave no room for an answer in the model's context, or if the model
    cannot be held to the variant's constraint.
    """
    if variant.constraint is not None:
        check_constrainable(loaded)
    chats, shortened = fitted_prompts(variant, pairs, loaded=loaded, max_new_tokens=max_new_tokens)
    needed = [tokens + max_new_tokens for tokens in prompt_tokens(loaded, chats)]
    over = [id for id, tokens in zip(pairs["id"], needed, strict=True) if tokens > loaded.context]
    if over:
        more = f" and {len(over) - NAMED} more" if len(over) > NAMED else ""
        raise ModelError(
            f'variant "{variant.name}": {len(over)} of {len(chats)} prompts leave no room for an answer: the longest '
            f"takes {max(needed)} tokens with its answer, and the context of {loaded.name} is {loaded.context}.\n"
            f"Pairs: {', '.join(over[:NAMED])}{more}\n"
            "Shorten the guide, use fewer examples (few_shot) or lower max_new_tokens."
        )
    return shortened


def prompt_tokens(loaded: "LoadedModel", chats: Sequence[Chat]) -> list[int]:
    """The tokens of each chat as the model reads it, including the chat template's."""
    return [
        len(ids) for ids in encode_prompts(loaded.tokenizer, chats, [render_text(loaded.tokenizer, c) for c in chats])
    ]


def fitted_prompts(
    variant: Variant, pairs: pl.DataFrame, *, loaded: "LoadedModel", max_new_tokens: int
) -> tuple[list[Chat], int]:
    """The prompt of each pair, and the number of those with fewer of the nearest examples, so that they fit."""

    def fits(chats: Sequence[Chat]) -> list[bool]:
        return [tokens + max_new_tokens <= loaded.context for tokens in prompt_tokens(loaded, chats)]

    return fitting_prompts(variant, pairs, fits)


def _fixed_tokens(variant: Variant, loaded: "LoadedModel") -> tuple[int, int, int]:
    """The tokens of the prompt without a request, of its guide, and of its examples."""

    def count(messages: Chat) -> int:
        return prompt_tokens(loaded, [messages])[0]

    fixed = count(prompt_of(variant, "", None))
    bare = count(chat_messages("", system="."))  # with a system message, so that the template does not add its own
    guide = count(chat_messages("", system=variant.guide)) - bare if variant.guide else 0
    examples = fixed - count(prompt_of(replace(variant, examples=()), "", None)) if variant.examples else 0
    return fixed, max(guide, 0), examples


def _table(generations: Sequence[Generation], variant: Variant, ids: Sequence[str], model: str) -> pl.DataFrame:
    """The outputs in the order of the pairs, then of the samples, as in the tables of all variants."""
    ordered = sorted(generations, key=lambda generation: (generation.index, generation.sample))
    known = ("sample", "output", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "seconds")
    rows = [
        {
            "id": ids[generation.index],
            "variant": variant.name,
            **{name: getattr(generation, name) for name in known},
            "finish_reason": generation.finish_reason,
            "model": model,
            "error": None,
        }
        for generation in ordered
    ]
    return pl.DataFrame(rows, schema=OUTPUT_SCHEMA)


def _key(
    variant: Variant,
    requests: Requests,
    loaded: "LoadedModel",
    temperature: float,
    streams: Sequence[str],
    seed: int,
) -> str:
    """A fingerprint of everything that determines the outputs.

    It includes the prompts as the tokens that the model reads, so another chat template gives another key, and their
    batches, on which a text depends in bf16.
    """

    adapter = [sha256_file(variant.adapter / name) for name in ADAPTER] if variant.adapter else None
    parts: list[Any] = [
        loaded.sha256,
        loaded.dtype,
        loaded.quantised,
        adapter,
        requests.ids,
        requests.batches,
        requests.shared,
        requests.max_new_tokens,
        sorted(stop_ids(loaded)),
        answer_margins(loaded.tokenizer),
        temperature,
        [seed, *streams] if temperature else None,
    ]
    if requests.constraint is not None:  # keys without one are as before constraints existed
        parts.append([requests.constraint.kind, requests.constraint.text])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


# --- generated batches on disk -------------------------------------------------------------------------------------

Batch = tuple[int, int]  # number of the batch in its list of requests, sample


def keep_batch(store: Path, batch: Sequence[Generation], *, key: str, variant: str, ids: Sequence[str]) -> None:
    """Append one batch's outputs in one line and one write: after a kill the line is complete or missing.

    `key` identifies everything that made the outputs, `ids` are the pairs of the whole list. Raises RunBroken if the
    disk is full or read-only, Locked if another process has been writing to it for half a minute.
    """
    line = {
        "key": key,
        "variant": variant,
        "sample": batch[0].sample,
        "batch": batch[0].batch,
        "outputs": [{"id": ids[one.index], **asdict(one)} for one in batch],
    }
    written = json.dumps(line, ensure_ascii=False).encode(errors="replace") + b"\n"
    with disk_refusals(store), appending(store) as file:
        file.add(written)


def kept_batches(
    store: Path, *, key: str, batches: Sequence[Sequence[int]], samples: Sequence[int]
) -> dict[Batch, list[Generation]]:
    """The complete batches in the store under `key`, each with its outputs.

    `batches` are those of the list of requests. Other lines are left out; `damaged_batches` names those that are damaged.
    """
    found: dict[Batch, list[Generation]] = {}
    marked = json.dumps(key).encode()
    for text in _lines(store):
        if marked in text and (batch := _whole(text, key, batches)) and batch[0].sample in samples:
            found[batch[0].batch, batch[0].sample] = batch
    return found


def damaged_batches(store: Path) -> str:
    """A sentence about the damaged lines of the store, whose outputs are generated again; empty if there are none."""
    damaged = []
    for number, line in enumerate(_lines(store), start=1):
        try:
            stored_line(line, "evaluate/generated.jsonl", path=store, number=number)
        except DataError as error:
            damaged.append(str(error).partition("\n")[0])
    return f"{say.count(len(damaged), 'damaged line')} left out: {damaged[0]}" if damaged else ""


def _lines(store: Path) -> Iterator[bytes]:
    """The lines of the store but for a last one that a kill cut short; none if there is no such file."""
    if os.path.lexists(store):
        with open_stored(store, "evaluate/generated.jsonl") as file:
            yield from (line for line in file if line.endswith(b"\n"))


def _whole(text: bytes, key: str, batches: Sequence[Sequence[int]]) -> list[Generation] | None:
    """The line's outputs if it is a complete batch of this list, else None."""

    try:
        line = json.loads(text)
        outputs = [
            Generation(**{name: value for name, value in one.items() if name != "id"}) for one in line["outputs"]
        ]
        fits = line["key"] == key and tuple(one.index for one in outputs) == tuple(batches[line["batch"]])
        same_batch = {(one.batch, one.sample) for one in outputs} == {(line["batch"], line["sample"])}
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None
    return outputs if fits and same_batch else None
