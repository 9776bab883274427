"""The base model answering: its adapter is not loaded, or not applied to these requests."""

from rapidfuzz.fuzz import ratio

from ....core import say
from ..seen import Seen
from .cause import Cause

__all__ = ["base"]

NEARLY_SAME = 80  # of 100: where base and judged output are as similar as this, a row tells nothing
LEAST, SHARE = 3, 0.8  # rows that tell; of them nearer to the base model


def base(seen: Seen) -> Cause | None:
    """Claimed if four fifths of the outputs that tell the two apart are nearer to the base model's than to the judged ones."""
    if not seen.greedy:
        return None
    outputs = seen.answered.select("id", "recorded", "served").iter_rows()
    known = [(seen.base[id], recorded, served) for id, recorded, served in outputs if id in seen.base]
    telling = [row for row in known if ratio(row[0], row[1]) < NEARLY_SAME]
    nearer = sum(ratio(served, base) > ratio(served, recorded) for base, recorded, served in telling)
    same = sum(served.strip() == base.strip() for base, _, served in telling)
    if len(telling) < LEAST or nearer < SHARE * len(telling):
        return None
    return Cause(
        "base",
        f"The base model answers, without the adapter: of {say.count(len(telling), 'output')} that tell the two apart, "
        f"{nearer:,} {'is' if nearer == 1 else 'are'} nearer to the base model's, {same:,} of them identical.",
        "Load the run's adapter and ask for its name: --lora-modules NAME=FOLDER and model = NAME for vLLM, --lora FILE with "
        "scale 1 for llama.cpp, ADAPTER in a Modelfile; or serve the merged model.",
        {"telling": len(telling), "nearer_to_base": nearer, "same_as_base": same, "known": len(known)},
    )
