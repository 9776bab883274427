"""The local variants raced on the same requests: one loaded model, with and without its adapter."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ..style import ModelError, sha256_file
from .outputs import OUTPUT_SCHEMA, Raced
from .settings import EvaluateSettings
from .variants import Variant

if TYPE_CHECKING:
    from ..train import LoadedModel

__all__ = ["Raced", "check_room", "race", "token_limit"]

Progress = Callable[[str, int, int], None]  # variant, outputs done, outputs wanted


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
    """One output of a local variant for each pair.

    Outputs are appended to `store` (JSON lines) as they come, under a key of everything that made them; those that
    stand there already under the same key are taken from there.
    """
    from ..train import chat_messages
    from .generate import count_prompt_tokens, generate

    prompts = [_prompt(variant, text, system) for text, system in pairs.select("input", "system").iter_rows()]
    key = _key(variant, prompts, loaded, settings, max_new_tokens, seed)
    known = _stored(store, key)
    missing = [n for n in range(len(prompts)) if n not in known]
    if missing:
        # A batch is a pure function of the whole list of requests, so a half-finished list is asked for again whole.
        known = {}
        done = 0

        def keep(batch: Sequence[Any]) -> None:
            nonlocal done
            done += len(batch)
            lines = [{"key": key, "index": g.index, **_line(variant, pairs["id"][g.index], g)} for g in batch]
            known.update({line["index"]: line for line in lines})
            _append(store, lines)
            if progress:
                progress(variant.name, done, len(prompts))

        generate(
            loaded, prompts, adapter=variant.adapter, max_new_tokens=max_new_tokens, temperature=settings.temperature,
            seed=seed, on_batch=keep,
        )  # fmt: skip
    table = pl.DataFrame(
        [known[n] for n in range(len(prompts))], schema={"key": pl.String, "index": pl.Int64, **OUTPUT_SCHEMA}
    )
    fixed = count_prompt_tokens(loaded.tokenizer, _prompt(variant, "", None))
    bare = count_prompt_tokens(loaded.tokenizer, chat_messages("", system="."))
    guided = count_prompt_tokens(loaded.tokenizer, chat_messages("", system=variant.guide)) if variant.guide else bare
    return Raced(table.select(list(OUTPUT_SCHEMA)), fixed, max(guided - bare, 0))


def token_limit(tokenizer: Any, outputs: Sequence[str]) -> int:
    """1.5 times the longest of the training outputs, in tokens: room for an answer, an end to a loop."""
    longest = max((len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in outputs), default=0)
    return max(16, -(-3 * longest // 2))


def _prompt(variant: Variant, text: str, system: str | None) -> list[dict[str, str]]:
    from ..train import chat_messages

    said = "\n\n".join(part for part in (variant.guide, system) if part)
    return chat_messages(text, system=said or None, examples=variant.examples)


def check_room(variant: Variant, pairs: pl.DataFrame, *, loaded: "LoadedModel", max_new_tokens: int) -> None:
    """A guide that does not fit would be cut off, and the race with it unfair: refused before any work.

    Raises: ModelError where the fixed prompt and a request leave no room for an answer in the model's context.
    """
    from .generate import count_prompt_tokens

    prompts = [_prompt(variant, text, system) for text, system in pairs.select("input", "system").iter_rows()]
    longest = max(prompts, key=lambda messages: sum(len(m["content"]) for m in messages), default=None)
    if longest is None:
        return
    needed = count_prompt_tokens(loaded.tokenizer, longest) + max_new_tokens
    if needed > loaded.context:
        raise ModelError(
            f'variant "{variant.name}": the longest prompt with its answer takes {needed} tokens, '
            f"and {loaded.name} holds {loaded.context}.\n"
            "A shorter guide, fewer examples (few_shot) or a smaller max_new_tokens makes it fit."
        )


def _key(
    variant: Variant,
    prompts: Sequence[list[dict]],
    loaded: "LoadedModel",
    settings: EvaluateSettings,
    limit: int,
    seed: int,
) -> str:
    """A fingerprint of everything that makes the outputs what they are."""
    from .generate import BATCH, CACHE_BYTES

    adapter = sha256_file(variant.adapter / "adapter_model.safetensors") if variant.adapter else None
    made_of = [
        loaded.sha256,
        loaded.dtype,
        adapter,
        prompts,
        limit,
        settings.temperature,
        seed if settings.temperature else 0,
        (BATCH, CACHE_BYTES),  # they make the batches, on which a text depends in bf16
    ]
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:24]


def _line(variant: Variant, id: str, generation: Any) -> dict[str, Any]:
    return {
        "id": id,
        "variant": variant.name,
        "sample": 0,
        "output": generation.output,
        "input_tokens": generation.input_tokens,
        "cached_tokens": generation.cached_tokens,
        "output_tokens": generation.output_tokens,
        "seconds": generation.seconds,
        "finish_reason": generation.finish_reason,
    }


def _append(store: Path, lines: Sequence[dict]) -> None:
    store.parent.mkdir(parents=True, exist_ok=True)
    with store.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def _stored(store: Path, key: str) -> dict[int, dict[str, Any]]:
    """What stands under `key`, by index; a last line cut short by a kill is passed over."""
    found = {}
    if store.exists():
        for text in store.read_text(encoding="utf-8").splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if line.get("key") == key:
                found[line["index"]] = line
    return found
