"""Every error that a user can fix.

TuneworthError
├── InputError          exit 2: the user's data or configuration is wrong
│   ├── ConfigError     tuneworth.toml, style.yaml or an option
│   ├── DataError       a file of pairs or outputs
│   └── ModelError      a model that is missing, incomplete or does not fit
├── GateFailed          exit 1: a --gate does not hold
└── RunBroken           exit 3: the run stopped half-way; finished work is kept

Programming errors are `ValueError` and the like. Exit code 4 is no error: `tuneworth watch` answers *decide again*.
"""

from collections.abc import Iterable

__all__ = ["ConfigError", "DataError", "GateFailed", "InputError", "ModelError", "RunBroken", "TuneworthError"]


class TuneworthError(Exception):
    """One to three lines: what is wrong, where, what was expected, how to fix it."""

    exit_code = 2


class InputError(TuneworthError):
    """The user's data or configuration is wrong."""

    @classmethod
    def of(cls, problems: Iterable[str], *, where: str) -> "InputError":
        """One error with all problems of a file, so that a user can fix them in one go."""
        listed = list(problems)
        if len(listed) == 1:
            return cls(f"{where}: {listed[0]}")
        return cls(f"{where}: {len(listed)} problems\n" + "\n".join(f"  - {problem}" for problem in listed))


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
    """The run stopped half-way; finished work is kept."""

    exit_code = 3
