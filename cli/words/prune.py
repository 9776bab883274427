"""What pruning would remove, and what it removed, for a terminal."""

from typing import TYPE_CHECKING

from ...core import filled, printable, say

if TYPE_CHECKING:
    from ...project import Fate, Pruned, PrunePlan


def plan_text(plan: "PrunePlan") -> str:
    """The runs to remove and those to keep, each with its reason."""
    going, staying = plan.going, plan.staying
    freed = say.size(sum(fate.disk_bytes for fate in going))
    lines = [f"{say.count(len(going), 'run')} to remove, {freed}:"] if going else []
    lines += [part for fate in going for part in _line(fate)]
    lines += ([""] if going else []) + [f"{say.count(len(staying), 'run')} to keep:"]
    lines += [part for fate in staying for part in _line(fate)]
    if plan.leftovers:
        one = len(plan.leftovers) == 1
        left = f"An earlier prune was interrupted while deleting {say.count(len(plan.leftovers), 'run')}; "
        lines += ["", *filled(f"{left}this one finishes {'it' if one else 'them'}.")]
    return printable("\n".join(lines))


def _line(fate: "Fate") -> list[str]:
    why = " ".join(fate.why.split())
    return filled(f"  {' '.join(fate.name.split())}  {fate.verdict}, {say.size(fate.disk_bytes)}: {why}", indent=6)


def pruned_text(done: "Pruned") -> str:
    """What was removed, and what was kept after all."""
    removed = f"Removed {say.count(len(done.removed), 'run')}; {say.size(done.freed_bytes)} freed."
    lines = [removed if done.removed else "No run was removed."]
    for fate in done.spared:
        lines += filled(f"{fate.name} is kept after all: {fate.why}", indent=2)
    return printable("\n".join(lines))


def failed_text(done: "Pruned") -> str:
    """What could not be removed."""
    return "\n".join([
        f"{say.count(len(done.failed), 'run')} could not be removed", *(f"  {name}: {why}" for name, why in done.failed)
    ])  # fmt: skip
