"""The libraries that casadi's wheel carries: where they lie, and the lock under which they are called."""

from __future__ import annotations

import ctypes
import importlib.util
import threading
from pathlib import Path

# MUMPS keeps state that all its instances share, and Ipopt calls it: of several threads one is inside at a time. The
# same thread may come again, from a callback of Ipopt.
ONE_AT_A_TIME = threading.RLock()


def load(*names: str) -> ctypes.CDLL | None:
    """The first library of these file names in casadi's folder; None where there is none. casadi itself is not
    imported: that takes longer than a small solve. Raises `OSError` where the file is no library."""
    found = importlib.util.find_spec("casadi")
    places = [Path(p) for p in (found.submodule_search_locations or [])] if found else []
    files = [place / name for place in places for name in names if (place / name).is_file()]
    return ctypes.CDLL(str(files[0])) if files else None
