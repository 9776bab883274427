"""Everything that goes wrong in a way that a user can mend.

TuneworthError
├── InputError          exit 2: the user's data or configuration is wrong
│   ├── ConfigError     tuneworth.toml, style.yaml or an option
│   ├── DataError       a file of pairs or outputs
│   └── ModelError      a model that is missing, incomplete or does not fit
├── GateFailed          exit 1: a --gate does not hold
└── RunBroken           exit 3: the run broke off part-way; what was done is kept

Programming errors stay `ValueError` and kin.
"""

from collections.abc import Iterable

__all__ = ["ConfigError", "DataError", "GateFailed", "InputError", "ModelError", "RunBroken", "TuneworthError"]


class TuneworthError(Exception):
    """One to three lines: what is wrong, where, what was expected, what to do."""

    exit_code = 2


class InputError(TuneworthError):
    """The user's data or configuration is wrong."""

    @classmethod
    def of(cls, problems: Iterable[str], *, where: str) -> "InputError":
        """All problems of one file in one error, so that nobody mends them one run at a time."""
        found = list(problems)
        if len(found) == 1:
            return cls(f"{where}: {found[0]}")
        return cls(f"{where}: {len(found)} problems\n" + "\n".join(f"  - {problem}" for problem in found))


class ConfigError(InputError):
    """A configuration file or an option is wrong."""


class DataError(InputError):
    """A file of pairs or outputs is wrong."""


class ModelError(InputError):
    """A model is missing, incomplete or does not fit."""


class GateFailed(TuneworthError):
    """A condition given with `--gate` does not hold."""

    exit_code = 1


class RunBroken(TuneworthError):
    """The run broke off part-way; what was done is kept."""

    exit_code = 3
