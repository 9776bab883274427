"""The causes of a difference, each found by its own test."""

from .causes.another import another
from .causes.base_model import base
from .causes.begin import begin
from .causes.cause import Cause
from .causes.context import context
from .causes.limit import limit
from .causes.quantised import quantised
from .causes.sampling import sampling
from .causes.stop import stop
from .causes.template import template
from .causes.thinking import thinking
from .causes.tokenizer import tokenizer
from .seen import Seen

__all__ = ["find_causes"]

PROMPT = (begin, template, tokenizer, context, limit, stop, thinking, sampling)
OTHER_TEXT = {
    "begin",
    "template",
    "tokenizer",
    "thinking",
    "sampling",
}  # after these, what a text shows of the weights is void


def find_causes(seen: Seen) -> list[Cause]:
    """Every cause that its test claims: of the request and the answer's end first, then of the weights."""
    found = [cause for test in PROMPT if (cause := test(seen)) is not None]
    if (weights := base(seen)) is not None:
        return [weights, *found]
    if OTHER_TEXT.isdisjoint(cause.id for cause in found):
        found += [cause for test in (quantised, another) if (cause := test(seen)) is not None]
    return found
