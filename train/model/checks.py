"""Checks whether a model can be fitted, and whether the model, its tokenizer and its template belong together."""

from typing import Any

from ...core import ModelError
from .chat import answer_margins, chat_messages, check_template, render_prompt, settle_template, special_ids

__all__ = ["check_kind", "fit_together"]

PROBE = 16  # tokens of a prompt: enough to detect look-ahead
LOOK_AHEAD = 0.1  # of the logits' spread; rounding is far below it


def check_kind(config: dict[str, Any], name: str) -> None:
    """Check from its configuration that it is a text-only model, of a known family, that can continue a text.

    Raises ModelError if it is not.
    """
    from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING

    family = config["model_type"]
    if family not in CONFIG_MAPPING and "auto_map" in config:
        raise ModelError(
            f'The model "{name}" (family "{family}") comes with its own code, which Tuneworth never runs.\n'
            "Use a model of a family that transformers supports."
        )
    if family not in CONFIG_MAPPING:
        raise ModelError(
            f'The model "{name}" is of the family "{family}", which the installed transformers does not support.\n'
            "Try a newer version: pip install -U transformers"
        )
    kind = CONFIG_MAPPING[family]
    writer: Any = MODEL_FOR_CAUSAL_LM_MAPPING.get(kind, None)
    senses = [sense for sense in ("vision", "audio") if config.get(f"{sense}_config")]
    if senses and (writer is None or writer.config_class is kind):  # else the text-only part is loaded
        raise ModelError(
            f'The model "{name}" also handles {" and ".join(senses)}, and only text-only models can be fitted.\n'
            "Use its text-only version if there is one."
        )
    if config.get("is_encoder_decoder") or writer is None:
        raise ModelError(
            f'The model "{name}" (family "{family}") does not generate text.\nUse a causal language model.'
        )


def fit_together(tokenizer: Any, model: Any, name: str) -> tuple[str, tuple[str, ...]]:
    """Set the template and test all three together; the template's kind ("own" or "plain") and notices.

    Raises ModelError if the tokenizer is another model's, the template unsuitable, or the model broken or not causal.
    """
    rows, vocabulary = model.get_input_embeddings().weight.shape[0], tokenizer.get_vocab()
    # Gemma 3's small models have no embedding for their last token, one for images: special tokens come from templates.
    special = special_ids(tokenizer)
    if any(id >= rows and id not in special for id in vocabulary.values()):
        raise ModelError(
            f'The tokenizer of "{name}" has {max(vocabulary.values()) + 1:,} tokens, but the model only {rows:,}, so they '
            "do not belong together."
        )
    try:
        kind, notices = settle_template(tokenizer, ends=_ends(model))
        faults, ids = check_template(tokenizer), render_prompt(tokenizer, chat_messages("a"))
    except ModelError as error:
        raise ModelError(f'The model "{name}" cannot be prompted. {error}') from error
    if max(ids, default=0) >= rows:
        faults.append("it contains a token that the model does not have")
    if faults:
        raise ModelError(f'The chat template of "{name}" is unsuitable: {"; ".join(faults)}')
    _check_causal(model, ids[-PROBE:], name)
    if "</think>" in answer_margins(tokenizer)[0]:
        notices += (
            "the model always thinks before it answers; tuned, it answers at once, and untuned, it may never get to an answer",
        )
    return kind, notices


def _ends(model: Any) -> tuple[int, ...]:
    """The ids with which the model itself ends a text."""
    named = [config.eos_token_id for config in (model.generation_config, model.config.get_text_config())]
    ids = [id for ids in named for id in (ids if isinstance(ids, list) else [ids]) if id is not None]
    return tuple(dict.fromkeys(ids))


def _check_causal(model: Any, ids: list[int], name: str) -> None:
    """Run a short prompt twice, with a different last token: the outputs before it must not change."""
    import torch

    first = torch.tensor([ids], device=model.device)
    second = first.clone()
    second[0, -1] = ids[-1] - 1 if ids[-1] else 1
    with torch.no_grad():
        one, two = (model(input_ids=tokens, use_cache=False).logits[0].float() for tokens in (first, second))
    if not one.isfinite().all():
        raise ModelError(
            f'The model "{name}" is broken: its outputs are not finite numbers.\nDownload its weights again.'
        )
    ahead = len(ids) > 1 and (one[:-1] - two[:-1]).abs().max() > LOOK_AHEAD * one.std()
    # BERT and similar models load as causal models, but their attention is marked as not causal.
    if ahead or any(getattr(module, "is_causal", True) is False for module in model.modules()):
        raise ModelError(
            f'In the model "{name}" each token sees the tokens after it, so it cannot generate text.\n'
            "Use a causal language model."
        )
