"""The site: the pages of docs/, and every file of the project that they link to.

GitHub shows a link to a file of the project by itself. The site gets a page for each such file, so
that all links lead somewhere without another server.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from posixpath import normpath, relpath

ROOT = Path(__file__).parents[2]
PAGES = ROOT / ".site-pages"  # what zensical.toml builds the site from
SITE = ROOT / ".site"
SHOWN = (".md", ".svg", ".png", ".json", ".css")
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s#]+)")  # to a file, not to a server or a heading
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
LANGUAGES = {".py": "python", ".yml": "yaml", ".sh": "bash", ".sql": "sql", ".json": "json"}
SOURCE = """\
---
search:
  exclude: true
---
# {path}

````{language}
{text}
````
"""


class BrokenLink(Exception):
    """A page links to a file that does not exist."""


def build() -> None:
    """Build the site into .site, strictly: a link that leads nowhere fails.

    Raises:
        BrokenLink: a page links to a file that the project does not have.
        CalledProcessError: a page links to a page or a heading that does not exist.
    """
    stage(ROOT, PAGES)
    command = (sys.executable, "-m", "zensical", "build", "--strict", "--clean")
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603  # ours


def stage(project: Path, pages: Path) -> None:
    """Copy the pages of docs/, and write one for each file of the project that they link to."""
    shutil.rmtree(pages, ignore_errors=True)
    docs = project / "docs"
    for file in docs.rglob("*"):
        if file.suffix in SHOWN:
            page = pages / file.relative_to(docs)
            page.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, page)
    for page in list(pages.rglob("*.md")):
        text, linked = _turned(page.read_text(), page.relative_to(pages), docs)
        page.write_text(text)
        _write_sources(linked, project, pages)


def _turned(text: str, page: Path, docs: Path) -> tuple[str, set[str]]:
    """Return the text with its links out of docs/ turned to pages, and the files they are of.

    Raises:
        BrokenLink: there is no such file.
    """
    linked = set()

    def turn(link: re.Match[str]) -> str:
        target = normpath(f"docs/{page.parent.as_posix()}/{link[1]}")
        if not (docs.parent / target).exists():
            raise BrokenLink(f"docs/{page} links to {link[1]}")
        if target.startswith("docs/") and Path(target).suffix in SHOWN:
            return link[1]
        linked.add(target)
        return relpath(f"source/{target}.md", page.parent.as_posix())

    parts, last = [], 0
    for fence in FENCED.finditer(text):  # code may hold what looks like a link
        parts += [LINK.sub(turn, text[last : fence.start()]), fence[0]]
        last = fence.end()
    return "".join([*parts, LINK.sub(turn, text[last:])]), linked


def _write_sources(paths: Iterable[str], project: Path, pages: Path) -> None:
    for path in paths:
        file, page = project / path, pages / "source" / f"{path}.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        text = file.read_text() if file.is_file() else "\n".join(_names(file))
        language = LANGUAGES.get(file.suffix, "text")
        page.write_text(SOURCE.format(path=path, language=language, text=text.rstrip()))


def _names(directory: Path) -> list[str]:
    return sorted(file.name for file in directory.iterdir() if file.name != "__pycache__")
