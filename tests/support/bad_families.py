"""All families of bad inputs, in turn."""

from __future__ import annotations

import bad_grids
import bad_tables
from bad_inputs import Case


def every_case() -> list[Case]:
    """Hundreds of cases; each name is unique and begins with its family."""
    return [case for family in (*bad_tables.FAMILIES, *bad_grids.FAMILIES) for case in family()]
