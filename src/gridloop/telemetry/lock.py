"""One writer at a time: an advisory lock that the kernel drops when its holder dies."""

from __future__ import annotations

import os
from pathlib import Path

from gridloop.errors import StoreError

try:
    import fcntl
except ImportError:  # Windows: no advisory locks; the store then relies on its user to run one writer
    fcntl = None  # type: ignore[assignment]


class Lock:
    """Held from construction until `release`. Raises `StoreError` naming the process that holds it."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if fcntl is not None:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._handle, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._handle)
            raise StoreError(
                f"{path.parent}: process {holder} is writing to this store; one writer at a time is allowed. "
                "Wait for it or stop it, or open the store for reading only.",
                pid=int(holder) if holder.isdigit() else None,
            ) from None
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let the next writer in."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
