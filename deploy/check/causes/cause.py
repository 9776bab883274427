"""A named cause, with its evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Cause"]


@dataclass(frozen=True)
class Cause:
    """Why a server's outputs are not the judged ones: `says` is a sentence with the figures, `advice` what to do about it.

    `id` names the test, `evidence` are its numbers.
    """

    id: str
    says: str
    advice: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The cause as `check.json` holds it."""
        return {"id": self.id, "says": self.says, "advice": self.advice, "evidence": dict(self.evidence)}
