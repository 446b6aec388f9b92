"""Names of TensorFlow Lite's built-in operators."""

from __future__ import annotations

from functools import cache

__all__ = ["operator_name", "operator_number"]


@cache
def _names() -> dict[int, str]:
    from tflite.BuiltinOperator import BuiltinOperator  # noqa: PLC0415 -- the package has hundreds of small modules

    return {value: name for name, value in vars(BuiltinOperator).items() if name.isupper()}


def operator_name(number: int) -> str:
    """Return the name of a built-in operator's number, ``BUILTIN_<number>`` if the schema at hand does not know it."""
    return _names().get(number, f"BUILTIN_{number}")


def operator_number(name: str) -> int:
    """Return the number of a built-in operator.

    Raises
    ------
    StopIteration
        If there is none of that name.
    """
    return next(number for number, known in _names().items() if known == name)
