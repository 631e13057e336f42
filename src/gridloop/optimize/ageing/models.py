"""Models: the chemistries that are known, by name."""

from __future__ import annotations

from gridloop.errors import OutOfRange
from gridloop.optimize.ageing.chemistry import Chemistry
from gridloop.optimize.ageing.lfp import LFP_LARGE, LFP_SMALL
from gridloop.optimize.ageing.nmc import NMC_POUCH, NMC_SMALL

CHEMISTRIES = {model.name: model for model in (NMC_POUCH, NMC_SMALL, LFP_LARGE, LFP_SMALL)}
LONG_FORM = "lithium_ion_"


def chemistry_of(chemistry: str | Chemistry) -> Chemistry:
    """A model by its name (`nmc` or `lithium_ion_nmc`, …), or one of your own making as it is.

    Raises `OutOfRange` for a name that nobody knows.
    """
    if isinstance(chemistry, Chemistry):
        return chemistry
    known = CHEMISTRIES.get(str(chemistry).lower().removeprefix(LONG_FORM))
    if known is None:
        raise OutOfRange(
            f"Nothing is known of the chemistry {chemistry!r}; known are {', '.join(CHEMISTRIES)}.",
            chemistry=chemistry,
            known=list(CHEMISTRIES),
        )
    return known
