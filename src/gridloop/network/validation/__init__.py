"""Validation: everything that is wrong with a network, found at once.

`validate` asks every check and collects; `check` raises where an error is among the findings. An error makes results
wrong or impossible; a warning is odd but computable. One file per sort of question: values (each table alone, from the
schema), units (orders of magnitude), impedances, electrical (limits, taps, switches, set-points) and supply (who has a
source). All of them look at the network through one `View`.
"""

from __future__ import annotations

from gridloop.network.model import Network
from gridloop.network.validation import electrical, impedances, set_points, supply, units, values
from gridloop.network.validation.findings import Finding, Findings
from gridloop.network.validation.view import View

__all__ = ["Finding", "Findings", "check", "validate"]


def validate(net: Network) -> Findings:
    """Every finding of every check, errors first."""
    view = View(net)
    found = values.findings(view)
    # Where an id is ambiguous or a reference leads nowhere, the questions that follow references have no answer.
    connected = not any(f.code in ("duplicate_id", "dangling_reference") for f in found)
    # An empty reference is a missing value, and leads nowhere either.
    connected &= not any(f.code == "missing_value" and f.column in _REFERENCES for f in found)
    found += units.findings(view, connected)
    found += impedances.findings(view, connected)
    found += electrical.findings(view, connected)
    found += set_points.findings(view, connected)
    if connected:
        found += supply.findings(view)
    return Findings(tuple(sorted(found, key=lambda f: f.severity != "error")))


def check(net: Network) -> Findings:
    """The findings of a network without errors. Raises `InvalidNetwork` naming all errors where there are any."""
    found = validate(net)
    found.raise_errors(net.name)
    return found


_REFERENCES = ("bus", "tail_bus", "head_bus", "element", "element_kind")
