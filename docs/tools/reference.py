"""The pages of docs/reference, which are made from the code and committed."""

from collections.abc import Mapping
from pathlib import Path

from docs.tools import command_line, entities, http, messages, overview, settings

DIRECTORY = Path(__file__).parents[1] / "reference"


def pages() -> Mapping[str, str]:
    """Return the text of each file by its name."""
    return {
        "command-line.md": command_line.page(),
        "settings.md": settings.page(),
        "http.md": http.http_page(),
        "metrics.md": http.metrics_page(),
        "messages.md": messages.page(),
        messages.SCHEMA_FILE: messages.schema(),
        "entities.md": entities.page(),
        **entities.pictures(),
        "overview.svg": overview.svg(),
    }


def write() -> None:
    """Write every file, and remove what is not made any more."""
    DIRECTORY.mkdir(exist_ok=True)
    made = pages()
    for file in DIRECTORY.iterdir():
        if file.name not in made:
            file.unlink()
    for name, text in made.items():
        (DIRECTORY / name).write_text(text)
