"""`make docs`: the site builds without a broken link, and loads nothing from another server."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.tools import site
from docs.tools.site import ROOT, BrokenLink

# What a browser loads by itself: not the links that a reader may follow.
LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?([^\"'\s>]+)"
    r"|<link\b(?=[^>]*\brel=[\"']?(?:stylesheet|icon|preload|modulepreload|preconnect))"
    r"[^>]*\bhref=[\"']?([^\"'\s>]+)"
    r"|\burl\([\"']?([^\"')]+)"
    r"|@import\s+[\"']([^\"']+)"
)


@pytest.fixture(scope="module", name="built")
def _built() -> Path:
    site.build()
    return site.SITE


def loaded(text: str) -> Iterator[str]:
    for match in LOADED.finditer(text):
        yield next(address for address in match.groups() if address)


def elsewhere(address: str) -> bool:
    return re.match(r"(?:\w+:)?//", address) is not None


def test_no_page_and_no_style_loads_anything_from_another_server(built: Path) -> None:
    files = [*built.rglob("*.html"), *built.rglob("*.css"), *built.rglob("*.svg")]
    addresses = {(file.name, address) for file in files for address in loaded(file.read_text())}
    assert ("index.html", "assets/") not in addresses
    assert {name for name, _ in addresses} >= {"index.html", "tutorial.html"}
    assert {(name, address) for name, address in addresses if elsewhere(address)} == set()
    # The script would load this one from another server, if a page had a drawing in it.
    assert [file for file in built.rglob("*.html") if 'class="mermaid"' in file.read_text()] == []


def test_every_page_of_docs_is_in_the_navigation(built: Path) -> None:
    nav = (ROOT / "zensical.toml").read_text()
    listed = set(re.findall(r'= "([\w/-]+\.md)"', nav))
    pages = {file.relative_to(ROOT / "docs").as_posix() for file in (ROOT / "docs").rglob("*.md")}
    assert listed == pages
    assert {(built / page).with_suffix(".html").exists() for page in listed} == {True}


def test_the_site_can_be_searched(built: Path) -> None:
    assert "TooEarlyToExpire" in (built / "search.json").read_text()


def test_an_address_elsewhere_would_be_found() -> None:
    page = (
        '<script src="https://a/b.js"></script><link rel=stylesheet href=//c/d.css><img src=e.png>'
    )
    style = "@font-face { src: url(https://f/g.woff2) } @import 'https://h'"
    assert [a for a in loaded(page + style) if elsewhere(a)] == [
        *("https://a/b.js", "//c/d.css", "https://f/g.woff2", "https://h")
    ]


def test_a_link_to_a_file_that_is_gone_fails(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("[code](../gone.py)")
    with pytest.raises(BrokenLink, match=r"docs/index\.md links to \.\./gone\.py"):
        site.stage(tmp_path, tmp_path / "pages")


def test_a_link_to_a_heading_that_is_gone_fails(tmp_path: Path) -> None:
    configuration = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "index.md").write_text("# Start\n\n[there](index.md#gone)\n")
    (tmp_path / "zensical.toml").write_text(
        f'[project]\nsite_name = "{configuration["site_name"]}"\ndocs_dir = "pages"\n'
    )
    command = (sys.executable, "-m", "zensical", "build", "--strict")
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert built.returncode != 0
    assert "anchor does not exist" in built.stdout + built.stderr
