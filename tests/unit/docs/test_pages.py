"""The documentation points at what is there: pages, files, tests, commands; and speaks plainly."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:flyball|topology|operator|local|tests|tools|benchmarks|docs)/[\w./-]+)(?:::(\w+))?`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchor(heading: str) -> str:
    """How a heading is linked to, on the usual hosts."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str):
    page = ROOT / name
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, part = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name} links to {link}"
        if part:
            anchors = {anchor(heading) for heading in _HEADING.findall(target.read_text(encoding="utf-8"))}
            assert part in anchors, f"{name} links to {link}"


@pytest.mark.parametrize("name", NAMES)
def test_every_file_and_test_that_a_page_names_is_there(name: str):
    for path, test in _PATH.findall((ROOT / name).read_text(encoding="utf-8")):
        if path == "benchmarks/results/":
            continue  # made by the first benchmark
        assert (ROOT / path).exists(), f"{name} names {path}"
        if test:
            assert re.search(rf"^(async )?def {test}\b", (ROOT / path).read_text(), re.MULTILINE), f"{name}: {test}"


@pytest.mark.parametrize("name", NAMES)
def test_no_page_calls_anything_easy(name: str):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"\b(easy|easily|simple|simply)\b", text, re.IGNORECASE)


def test_every_rule_that_the_code_cites_is_explained():
    cited = set()
    for folder in ("flyball", "topology", "operator", "local"):
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in {".py", ".sql", ".sh"}:
                for numbers in re.findall(r"\brules? ((?:\d+(?:, | and | to )?)+)", file.read_text(encoding="utf-8")):
                    cited |= {int(number) for number in re.findall(r"\d+", numbers)}
    page = (ROOT / "docs" / "explanation" / "safety.md").read_text(encoding="utf-8")
    explained = {int(number) for number in re.findall(r"^### Rule (\d+):", page, re.MULTILINE)}
    assert explained == set(range(1, 25))
    assert cited <= explained
