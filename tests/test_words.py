"""Words that code and docs share: cited conventions exist, and the glossary explains every reason of a set-point."""

import re
from pathlib import Path

from gridloop.optimize.explain import REASONS

ROOT = Path(__file__).resolve().parents[1]
NUMBERS = re.findall(r"^## (\d+)\. ", (ROOT / "docs" / "conventions.md").read_text("utf-8"), re.MULTILINE)
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text("utf-8")


def words_of(title: str, column: int) -> set[str]:
    """Every `word` in a column of the table under a title of the glossary."""
    section = GLOSSARY.split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("|")]
    return {word for row in rows[2:] for word in re.findall(r"`([^`]+)`", row[column])}


def test_conventions_are_numbered_without_a_hole():
    assert [str(n) for n in range(1, len(NUMBERS) + 1)] == NUMBERS


def test_every_cited_convention_exists():
    cited = [
        (file.name, number)
        for folder in ("src", "tests", "docs")
        for file in sorted((ROOT / folder).rglob("*.*"))
        if file.suffix in (".py", ".md", ".toml", ".csv")
        for number in re.findall(r"\(convention (\d+)\)", file.read_text("utf-8"))
    ]
    assert cited, "the search found no citation at all"
    assert not [(name, number) for name, number in cited if number not in NUMBERS]


def test_the_glossary_explains_every_reason():
    rungs = {"last_good", "persistence"}
    assert words_of("Reasons of set-points", 2) == set(REASONS) | rungs


def test_the_places_that_contributing_names_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    places = [
        place for place in re.findall(r"`((?:src|docs|changes)/[\w./-]+)`", text) if not re.search("[A-Z]{3}", place)
    ]
    assert len(places) > 10, "the search found too little"
    assert not [place for place in places if not (ROOT / place).exists()]
