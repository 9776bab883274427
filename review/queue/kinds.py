"""What the queue of `tuneworth review` holds: the kinds of rows that wait for a person, in the order of their worth."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Action:
    """What a person may decide: its name, the key that decides it, and the words of its button."""

    name: str
    key: str
    label: str


@dataclass(frozen=True)
class Kind:
    """Rows that wait for the same reason. `names` are the two sides, the first of which is the row to decide about."""

    name: str
    title: str
    reason: str
    actions: tuple[Action, ...]
    names: tuple[str, str] = ("this row", "compared with")


EDIT = Action("edit", "e", "Edit the output")
DROP = Action("drop", "x", "Drop it")
KEEP = Action("keep", "1", "Keep it as it is")
ACCEPT = Action("accept", "a", "Accept the repair")
WRONG = Action("wrong", "w", "The rule is wrong here")

KINDS = (
    Kind(
        "conflict", "Conflicts", "Two answers to the same request state different facts, so neither can be trusted.",
        (
            Action("left", "1", "Take the left one"), Action("right", "2", "Take the right one"),
            Action("both", "3", "Keep both as alternatives"), Action("neither", "4", "Take neither"), EDIT,
        ),
        ("left", "right"),
    ),
    Kind(
        "repair", "Repairs", "The output breaks a must rule, and a repair that changes no fact would fix it.",
        (ACCEPT, KEEP, DROP, EDIT, WRONG),
    ),
    Kind(
        "unreviewed", "Unreviewed rules",
        "The output breaks a must rule, and is kept for training as long as the style has not been reviewed.",
        (ACCEPT, KEEP, DROP, EDIT, WRONG),
    ),
    Kind("rejected", "Rejected", "The output breaks a must rule, so it is no example.", (KEEP, DROP, EDIT, WRONG)),
    Kind(
        "near_duplicate", "Near duplicates", "It was left out as a copy, at a similarity close to the threshold.",
        (Action("drop", "1", "It is a copy"), Action("keep", "2", "It is not a copy: keep it"), EDIT),
        ("left out", "its copy"),
    ),
    Kind(
        "mispaired", "Mispaired rows", "The output fits the request of another row better than its own.",
        (Action("keep", "1", "It belongs to this request"), DROP, EDIT),
        ("this row", "fits this request better"),
    ),
    Kind(
        "leak", "Possible leaks", "A train row asks for nearly the same as a held-out row, in other words.",
        (
            Action("keep", "1", "It is another request"), Action("drop", "2", "Drop the train row"),
            Action("move", "3", "Move the train row to the held-out split"),
        ),
        ("train row", "held-out row"),
    ),
    Kind(
        "loss", "Highest loss", "Training found this pair the hardest to learn, which mistakes in it may explain.",
        (KEEP, DROP, EDIT),
    ),
    Kind(
        "unlike", "Right but unlike", "The model's output keeps every rule and is unlike the reference: one may be wrong.",
        (
            Action("keep", "1", "The reference is right"), Action("use", "2", "Take the output as the reference"),
            DROP, EDIT,
        ),
        ("reference", "output of the model"),
    ),
    Kind(
        "reference", "References", "A held-out reference breaks a must rule, so it cannot judge an output.",
        (ACCEPT, KEEP, DROP, EDIT, WRONG),
    ),
    Kind(
        "disagreement", "Disagreements", "Two people preferred different outputs for this request.",
        (
            Action("left", "1", "The left one is better"), Action("right", "2", "The right one is better"),
            Action("equal", "3", "Both are equally good"),
        ),
        ("left", "right"),
    ),
)  # fmt: skip

_BY_NAME = {kind.name: kind for kind in KINDS}


def kind_named(name: str) -> Kind:
    """The kind of this name.

    Raises: KeyError if there is none.
    """
    return _BY_NAME[name]
