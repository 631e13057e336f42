"""The picture of the README: parts of a real report, put on one sheet and taken by headless Chromium."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

WIDTH, HEIGHT = 1200, 1490
FLAGS = """
    --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars --virtual-time-budget=15000
"""
# What the day was, the feeder before and after, and its voltages; nothing else of the page.
SHEET = """<style>
  nav, .meta, .calm, .trouble, .note, .modebar, section { display: none !important; }
  body { display: block !important; }
  main { display: flex !important; flex-direction: column; max-width: none !important; padding: 18px 32px !important; }
  section#feeder, section#voltage { display: block !important; border: 0; margin: 0; padding: 10px 0 0; }
  section#feeder { order: 1; }
  section#voltage { order: 2; }
</style></head>"""


def take_picture(report: Path, file: Path) -> None:
    """Write a PNG of the report's sheet. Raises `RuntimeError` where there is no Chromium or it makes no picture."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        raise RuntimeError("No Chromium on the path; on Debian: apt-get install chromium.")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "sheet.html"
        page.write_text(report.read_text(encoding="utf-8").replace("</head>", SHEET, 1), encoding="utf-8")
        shot = Path(folder) / "sheet.png"
        where = [f"--user-data-dir={folder}/profile", f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={shot}"]
        subprocess.run([browser, *FLAGS.split(), *where, page.as_uri()], capture_output=True, timeout=120, check=False)
        if not shot.is_file():
            raise RuntimeError(f"{browser} made no picture of {report}.")
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(shot, file)
