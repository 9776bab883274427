"""Which chat template a model is tuned and asked with: its own, settled so that it writes the same every day, or a plain one.

The plain one, for base models that have none (BOS only where the tokenizer puts one before every text):

    BOS The system text, if any
    (empty line)
    ### Input
    The input
    (empty line)
    ### Output
    The output END
"""

import re
from datetime import date
from typing import Any

from ..style.errors import ModelError
from .render import ANSWER, QUESTION, chat_messages, encode_texts, end_of_turn, render_text, special_ids

__all__ = ["check_template", "plain_template", "settle_template"]

DAY = date(2024, 7, 26)  # on which Llama 3's template falls back where it cannot know the day
TODAY = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")
NO_THINKING = "{%- set enable_thinking = false -%}\n"


def settle_template(tokenizer: Any, *, ends: tuple[int, ...] = ()) -> tuple[str, tuple[str, ...]]:
    """Give the tokenizer the template to use from now on; returns "own" or "plain", and what the user should know.

    A model's own template is changed in two places. Where it writes today's date, it writes a fixed one: else a fit
    resumed after midnight, and each day's evaluation, would have other prompts. Where it can let the model think
    before an answer, it does not: pairs hold answers, and a race at equal output lengths leaves no room for it.
    Without one the plain template is taken; `ends` are the ids with which the model itself ends a text.
    Raises ModelError for a model with neither a template nor an end token.
    """
    if not tokenizer.chat_template:
        tokenizer.chat_template = plain_template(tokenizer, ends=ends)
        told = (
            'the model has no chat template: it is asked in a plain one ("### Input", the input, "### Output"), which '
            "is saved with the adapter"
        )
        return "plain", (told,)
    try:
        template = tokenizer.get_chat_template()  # of several, the default one
    except ValueError as error:
        raise ModelError(f"The model has several chat templates and none is its default.\n{error}") from error
    tokenizer.chat_template, notices = template, []
    if TODAY.search(template):
        template = TODAY.sub(lambda found: f'"{DAY.strftime(found[2])}"', template)
        notices.append(f"the chat template writes today's date: it is fixed at {DAY.isoformat()}, so that prompts stay")
    if "enable_thinking" in template and not template.startswith(NO_THINKING):
        template = NO_THINKING + template
        notices.append("the model can think before it answers: here it answers at once, tuned or not")
    tokenizer.chat_template = template
    return "own", tuple(notices)


def plain_template(tokenizer: Any, *, ends: tuple[int, ...] = ()) -> str:
    """The template of this module's head for this tokenizer, which gets an end token where it lacks one.

    Raises ModelError where there is none to get.
    """
    if tokenizer.eos_token is None:
        known = [token for token in tokenizer.convert_ids_to_tokens(list(ends)) if token]
        if not known:
            raise ModelError(
                "The tokenizer has neither a chat template nor an end token, so a tuned model could not learn to stop.\n"
                'Expected "eos_token" in tokenizer_config.json or "eos_token_id" in generation_config.json.'
            )
        tokenizer.eos_token = known[0]
    begins = tokenizer.bos_token_id is not None and tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id
    return (
        ("{{ bos_token }}" if begins else "")
        + "{%- for message in messages -%}"
        + "{%- if message['role'] == 'system' -%}{{ message['content'] + '\\n\\n' }}"
        + "{%- elif message['role'] == 'user' -%}{{ '### Input\\n' + message['content'] + '\\n\\n' }}"
        + "{%- else -%}{{ '### Output\\n' + message['content'] + eos_token + '\\n\\n' }}{%- endif -%}"
        + "{%- endfor -%}"
        + "{%- if add_generation_prompt -%}{{ '### Output\\n' }}{%- endif -%}"
    )


def check_template(tokenizer: Any) -> list[str]:
    """What about the template would teach the wrong thing; empty where it is fit for training.

    Raises ModelError where it cannot be used at all, or ends an answer with no special token.
    """
    end_of_turn(tokenizer)
    messages = chat_messages(QUESTION)
    prompt, whole = render_text(tokenizer, messages), render_text(tokenizer, messages, answer=ANSWER)
    faults = []
    if QUESTION not in prompt:
        faults.append(f"it leaves out the question: {prompt!r}")
    if not whole.startswith(prompt):
        faults.append(f"it writes another prompt in front of an answer ({whole!r}) than for a question ({prompt!r})")
    bos, (ids, longer) = tokenizer.bos_token_id, encode_texts(tokenizer, [prompt, _longer(tokenizer)])
    # <|im_start|> is SmolLM2's BOS and opens each of its turns: then there are more in a longer chat.
    if bos in special_ids(tokenizer) and 1 < ids.count(bos) == longer.count(bos):
        faults.append(f"it begins a text with {ids.count(bos)} begin-of-text tokens, not one")
    return faults


def _longer(tokenizer: Any) -> str:
    return render_text(tokenizer, chat_messages(QUESTION, examples=[(QUESTION, ANSWER), (QUESTION, ANSWER)]))
