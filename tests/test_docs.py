"""Docs: every snippet runs, every link leads somewhere, and pages made from code are current."""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest
from pages import ROOT, RUNS, BrokenSnippet, figures_table, pages, run_page, snippets, tables_page

from gridloop.network import schema
from gridloop.network.feeder.model import PREFIX
from gridloop.network.feeder.model import TABLES as FEEDER_TABLES
from gridloop.operate.settings import SiteSettings, read_site

PAGES = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in pages()}
TRIED = [name for name, text in PAGES.items() if any(snippet.language in RUNS for snippet in snippets(text))]


@pytest.mark.parametrize("name", TRIED)
def test_every_snippet_of_a_page_runs(name: str, tmp_path: Path):
    assert run_page(PAGES[name], name, tmp_path) > 0


def test_the_pages_that_promise_to_run_are_found():
    assert {"README.md", "docs/conventions.md", "docs/guides/runs.md"} <= set(TRIED)


def test_every_fence_says_what_it_is():
    """A fence without a language, or of one nobody knows, would be neither run nor meant for reading."""
    known = {*RUNS, "console", "text", "toml", "json", "csv"}
    found = {(name, s.line, s.language) for name, text in PAGES.items() for s in snippets(text)}
    assert not [where for where in found if where[2] not in known]
    assert len(found) * 2 == sum(len(re.findall("^```", text, re.MULTILINE)) for text in PAGES.values())


def test_a_broken_python_snippet_is_named_by_page_and_line(tmp_path: Path):
    page = "# A page\n\n```python\nfour = 2 + 2\n```\n\n```python\nassert four == 5\n```\n"
    with pytest.raises(BrokenSnippet, match=r"page.md:8: AssertionError"):
        run_page(page, "page.md", tmp_path)


def test_a_broken_bash_snippet_is_named_by_page_and_line(tmp_path: Path):
    page = "```bash\ngridloop flow nowhere.m\n```\n"
    with pytest.raises(BrokenSnippet, match=r"page.md:2: exit code 2\n.*nowhere.m"):
        run_page(page, "page.md", tmp_path)


def test_only_python_and_bash_run_and_in_order(tmp_path: Path):
    page = "```console\nfalse\n```\n```bash\necho 7 > seven\n```\n```python\n{}\n```\n"
    read = "from pathlib import Path\nassert int(Path('seven').read_text()) == 7"
    assert run_page(page.format(read), "page.md", tmp_path) == 2


def test_settings_shown_are_settings_that_are_taken(tmp_path: Path):
    shown = [s for text in PAGES.values() for s in snippets(text) if s.language == "toml"]
    assert shown
    for snippet in shown:
        file = tmp_path / "site.toml"
        file.write_text(snippet.text, encoding="utf-8")
        assert read_site(file).name


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str):
    """Files exist, and the headings that a link points into; addresses on the web are not asked."""
    here = ROOT / name
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[name]):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = here if not path else (here.parent / path).resolve()
        if not file.exists() or (anchor and anchor not in _anchors(file.read_text(encoding="utf-8"))):
            broken.append(target)
    assert not broken


def test_every_page_is_reached_from_the_index():
    index = PAGES["docs/README.md"]
    lost = [
        name for name in PAGES if name.startswith("docs/") and name != "docs/README.md" and f"({name[5:]})" not in index
    ]
    assert not lost


def test_pages_that_the_code_names_exist():
    named = {
        (str(file.relative_to(ROOT)), page)
        for file in sorted((ROOT / "src").rglob("*.py"))
        for page in re.findall(r"docs/[\w./-]+\.md", file.read_text(encoding="utf-8"))
    }
    assert named, "the search found no page at all"
    assert not [where for where in named if not (ROOT / where[1]).exists()]


def test_the_page_of_tables_is_current():
    assert PAGES["docs/tables.md"] == tables_page(), "run: python tests/support/pages.py"


def test_the_page_of_tables_names_every_column():
    for table in (*schema.TABLES, *(PREFIX + table for table in FEEDER_TABLES)):
        assert all(f"| `{column}` |" in PAGES["docs/tables.md"] for column in schema.attributes(table))


def test_the_figures_in_the_readme_are_those_of_the_run_they_name():
    """docs/default-day.json is the `result` of one run of `make run`; the table is made of it and of nothing else."""
    result = json.loads((ROOT / "docs" / "default-day.json").read_text(encoding="utf-8"))
    assert figures_table(result) in PAGES["README.md"], "run: python tests/support/pages.py RUN"


def test_the_guide_names_every_setting_of_a_site():
    guide = PAGES["docs/guides/own-site.md"]
    missing = [key for key in _settings(SiteSettings) if f"`{key}`" not in guide]
    assert not missing


def _settings(kind: type) -> list[str]:
    keys: list[str] = []
    for field in fields(kind):
        hint = get_type_hints(kind)[field.name]
        keys += _settings(hint) if is_dataclass(hint) and isinstance(hint, type) else [field.name]
    return [key for key in keys if key != "folder"]  # set by whoever reads the file, not in it


def _anchors(text: str) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}
