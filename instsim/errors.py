"""The errors instsim raises on purpose, and the exit code each one means.

::

    InstsimError                 1
    ├── UsageError               2   the command line or a call is wrong
    ├── InputError               1   something the user gave cannot be used
    │   ├── ImageError               the firmware file
    │   ├── TableError               a cost table, board file or settings file
    │   ├── ModelError               a .tflite model
    │   ├── SwapError                a model that cannot run in this firmware
    │   ├── ProfileError             a saved profile
    │   ├── PredictorError           a predictor's file
    │   ├── BudgetFileError          budgets, or a baseline
    │   └── RunError                 the firmware, while it ran
    ├── IncompleteError          3   an answer exists, but part of it is missing
    └── BudgetError              4   the answer is complete, and over its budget

Every message says what went wrong and where; ``hint`` says what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "MOST_DETAILS",
    "BudgetError",
    "BudgetFileError",
    "ImageError",
    "IncompleteError",
    "InputError",
    "InstsimError",
    "ModelError",
    "PredictorError",
    "ProfileError",
    "RunError",
    "SwapError",
    "TableError",
    "UsageError",
    "shown_details",
]


MOST_DETAILS = 15
"""Lines below a message that are shown in full ..."""
_SHOWN_DETAILS = 10
"""... and how many are, where there are more: the first say what is wrong, a hundred hide it."""


def shown_details(details: Sequence[str]) -> tuple[str, ...]:
    """Return the lines of an error's details that are shown: all, or the first ones and how many more there are."""
    if len(details) <= MOST_DETAILS:
        return tuple(details)
    return (*details[:_SHOWN_DETAILS], f"and {len(details) - _SHOWN_DETAILS} more")


class InstsimError(Exception):
    """Base of all errors that a user of instsim is meant to see.

    Parameters
    ----------
    message : str
        What went wrong, and where.
    hint : str, optional
        What to do about it.
    details : tuple of str, optional
        Further lines: one problem each (a table's errors, a backtrace). Of many, the error's text has the first and a count.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        lines = [self.message, *(f"  {line}" for line in shown_details(self.details))]
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


class UsageError(InstsimError):
    """The command line, or the arguments of a call, are wrong."""

    exit_code = 2


class InputError(InstsimError):
    """Something the user gave cannot be used."""


class ImageError(InputError):
    """The firmware file cannot be read, or is not one instsim can run."""


class TableError(InputError):
    """A cost table, a board file or a settings file is not valid."""


class ModelError(InputError):
    """A ``.tflite`` model cannot be read."""


class SwapError(InputError):
    """A model cannot be run in place of a firmware's own.

    Parameters
    ----------
    reason : str
        One word for tables of many models: ``operator``, ``type``, ``shape``, ``size``, ``input``, ``set-up``, ``run`` (the model's side),
        ``runner`` (the firmware's side).
    message, hint, details
        As for every error.
    """

    def __init__(self, reason: str, message: str, *, hint: str = "", details: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint, details=details)
        self.args = reason, message  # What it is made of again in another process.
        self.reason = reason


class PredictorError(InputError):
    """A predictor's file cannot be read."""


class ProfileError(InputError):
    """A saved profile cannot be read."""


class BudgetFileError(InputError):
    """Budgets or a baseline file that are not valid, contradict each other or speak of what is not there."""


class RunError(InputError):
    """The firmware stopped before the region that was to be measured had ended."""


class IncompleteError(InstsimError):
    """An answer exists, but part of it is missing."""

    exit_code = 3


class BudgetError(InstsimError):
    """A budget is broken: the figures are there, and over a limit."""

    exit_code = 4
