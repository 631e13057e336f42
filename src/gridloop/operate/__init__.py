"""Operate: the loop that joins observe, forecast, plan, check and act.

`gl.operate(...)` runs a day, and `gridloop.operate` is also this package: whichever the import system puts under the
name, calling it works.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Door(ModuleType):
    """The package, callable like its function of the same name."""

    def __call__(self, *args: Any, **named: Any) -> Any:
        from gridloop.operate.run import operate

        return operate(*args, **named)


sys.modules[__name__].__class__ = _Door
