"""Values as OpenDSS writes them: numbers, sums in reverse Polish notation, lists, yes and no."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gridloop.errors import BadInput

_BINARY: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "^": lambda a, b: a**b,
}
_UNARY: dict[str, Callable[[float], float]] = {"sqr": lambda a: a * a, "sqrt": math.sqrt, "inv": lambda a: 1.0 / a}


def number(text: Any) -> float:
    """A number, or a sum in reverse Polish notation such as `8 1000 /`.

    Raises `BadInput` for what is neither.
    """
    if isinstance(text, int | float):
        return float(text)
    stack: list[float] = []
    try:
        for word in str(text).strip(" ()[]{}\"'").split():
            if word in _BINARY:
                b, a = stack.pop(), stack.pop()
                stack.append(_BINARY[word](a, b))
            elif word.lower() in _UNARY:
                stack.append(_UNARY[word.lower()](stack.pop()))
            else:
                stack.append(float(word))
        (value,) = stack
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise BadInput(f"{text!r} is neither a number nor a sum of numbers in reverse Polish notation.") from error
    return value


def numbers(text: Any) -> list[float]:
    """The numbers of `[0.6 1.2 1.2]` or `0.6, 1.2`."""
    if isinstance(text, list | tuple):
        return [number(v) for v in text]
    return [float(word) for word in str(text).strip(" ()[]{}\"'").replace(",", " ").split()]


def truth(value: Any) -> bool:
    """Yes or no: OpenDSS looks at the first letter."""
    return str(value).strip().lower()[:1] in ("y", "t", "1")


def last_of(pairs: Iterable[Iterable[str]]) -> dict[str, str]:
    """Properties by name, the last that was set counts."""
    return {str(name).lower(): str(value) for name, value in pairs}


def given(properties: Mapping[str, Any], name: str, default: float) -> float:
    """A property as a number, or OpenDSS's default."""
    return number(properties[name]) if name in properties else default
