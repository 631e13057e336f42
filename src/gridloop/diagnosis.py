"""Diagnosis: what every failed solve returns instead of a bare exception or a `None`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Diagnosis:
    """Why a solve failed, where, by how much, and what to do.

    status  one word: "not_converged", "unsupplied", "infeasible", "limit_gave_way", …
    causes  sentences for a person, the most telling first
    advice  what to try
    facts   the same as numbers and ids, for programs
    """

    status: str
    causes: Sequence[str]
    advice: str
    facts: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.status}: {' '.join(self.causes)} {self.advice}".strip()
