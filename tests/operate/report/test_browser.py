"""The page in a real browser: nothing on the console, every plot drawn; and the check itself catches a broken page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gridloop.operate.report import RunTables, build_page

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
FLAGS = """
    --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --disable-dev-shm-usage --enable-logging=stderr
    --virtual-time-budget=30000 --window-size=1400,3000
"""
# Nothing on the page may need a network; the browser is given none.
NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium on the path; on Debian: apt-get install chromium"),
]


@dataclass
class Dom(HTMLParser):
    """What the browser made of the page: the marks on <body>, and per plot how many shapes its panels hold."""

    body: dict[str, str | None] = field(default_factory=dict)
    shapes: dict[str, int] = field(default_factory=dict)
    inside: list[tuple[str, str]] = field(default_factory=list)  # (tag, what it is) of the open div and g elements
    plot: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        words = (given.get("class") or "").split()
        if tag == "body":
            self.body = given
        if tag == "div" and "plot" in words:
            self.plot = str(given["id"])
            self.shapes[self.plot] = 0
        # plotly draws the data in this layer; legend and buttons have shapes of their own elsewhere.
        if ("g", "cartesianlayer") in self.inside and self.plot:
            line_or_mark = tag == "path" and bool({"js-line", "point"} & set(words)) and given.get("d")
            bar = tag == "g" and "point" in words
            self.shapes[self.plot] += bool(line_or_mark or bar or tag == "image")
        if tag in ("div", "g"):
            self.inside.append((tag, next((word for word in words if word in ("plot", "cartesianlayer")), "")))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("div", "g") and self.inside and self.inside.pop() == ("div", "plot"):
            self.plot = ""


def faults(page: str, folder: Path) -> list[str]:
    """Open a page and say what is wrong with it; an empty list is a page that works."""
    file = folder / "report.html"
    file.write_text(page, encoding="utf-8")
    flags = [*FLAGS.split(), NO_NETWORK, f"--user-data-dir={folder / 'profile'}"]
    done = subprocess.run(
        [CHROMIUM, *flags, "--dump-dom", file.as_uri()],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    found = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    dom = Dom()
    # plotly's own code is no part of what is checked, and large.
    dom.feed(re.sub(r"<script\b.*?</script>", "", done.stdout, flags=re.DOTALL))
    if dom.body.get("data-ready") != "yes":
        found.append("the page did not finish drawing")
    if dom.body.get("data-errors"):
        found.append(str(dom.body["data-errors"]))
    if not dom.shapes or not dom.body.get("data-plots") == dom.body.get("data-drawn") == str(len(dom.shapes)):
        found.append(f"{dom.body.get('data-drawn')} of {len(dom.shapes)} plots drawn")
    return found + [f"{plot} is empty" for plot, shapes in dom.shapes.items() if shapes == 0]


def test_a_whole_run(day: RunTables, tmp_path: Path) -> None:
    assert faults(build_page(day), tmp_path) == []


def test_a_run_without_flows_or_baseline(changed: Callable[..., RunTables], day: RunTables, tmp_path: Path) -> None:
    alone = changed(ticks=day.ticks[day.ticks["run"] == "controlled"], flows=day.flows.head(0))
    assert faults(build_page(alone), tmp_path) == []


def spec(page: str, chart: str) -> str:
    """The JSON of one plot as it stands in the page."""
    start = page.index(f'id="{chart}-spec">') + len(f'id="{chart}-spec">')
    return page[start : page.index("</script>", start)]


# What is done to a page, and what the check must say about it.
PLANTED: dict[str, tuple[Callable[[str], str], str]] = {
    "a plot whose data is no JSON": (
        lambda page: page.replace(spec(page, "chart-voltage"), '{"data":['),
        "chart-voltage",
    ),
    "a plot without a trace": (
        lambda page: page.replace(spec(page, "chart-prices"), json.dumps({"data": [], "layout": {"height": 300}})),
        "chart-prices is empty",
    ),
    "a word on the console": (
        lambda page: page.replace("</body>", "<script>console.warn('look')</script></body>"),
        "look",
    ),
    "a script from elsewhere": (
        lambda page: page.replace("</body>", "<script src='https://example.org/a.js'></script></body>"),
        "Content Security Policy",
    ),
    "a page without plotly": (lambda page: page.replace("* plotly.js", "*/ throw 1; /*", 1), "Plotly is not defined"),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_the_check_catches(planted: str, changed: Callable[..., RunTables], day: RunTables, tmp_path: Path) -> None:
    """Without this, a check that never looks would pass too."""
    small = build_page(changed(plans=day.plans.head(0), forecasts=day.forecasts.head(0)))
    breaks, says = PLANTED[planted]
    broken = breaks(small)
    assert broken != small
    assert any(says in fault for fault in faults(broken, tmp_path))
