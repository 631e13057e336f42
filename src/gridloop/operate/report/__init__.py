"""The report of a run: one HTML page, built only from the tables the run has stored."""

from __future__ import annotations

from pathlib import Path

from gridloop.operate.folder import REPORT
from gridloop.operate.report.load import load_run
from gridloop.operate.report.page import build_page
from gridloop.operate.report.tables import RunTables

__all__ = ["RunTables", "build_page", "load_run", "write_report"]


def write_report(run_folder: str | Path) -> Path:
    """Build the report of a run and put it into its folder; an older one is replaced as a whole.

    Returns the file. Raises `MissingFile` where the folder is no run and `StoreError` where its lake is damaged.
    """
    file = Path(run_folder) / REPORT
    part = file.with_suffix(".part")
    part.write_text(build_page(load_run(run_folder)), encoding="utf-8")
    return part.replace(file)
