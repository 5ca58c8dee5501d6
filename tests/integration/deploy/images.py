"""What deploy/Dockerfile puts into an image, and what such an image can run."""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path

import typer

from entrypoints.cli.app import app

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Stage:
    """One FROM of a Dockerfile: its instructions, and what it copies out of this repository."""

    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    @property
    def sources(self) -> list[str]:
        copies = (rest.split() for name, rest in self.instructions if name == "COPY")
        return [source for words in copies if "--from" not in words[0] for source in words[:-1]]


def stages(dockerfile: str) -> dict[str, Stage]:
    found: dict[str, Stage] = {}
    stage = ""
    for line in re.sub(r"\\\n|^#.*\n", "", dockerfile, flags=re.MULTILINE).splitlines():
        name, _, rest = line.partition(" ")
        if name == "FROM":
            base, _, stage = rest.split()
            found[stage] = Stage(base)
        elif name:
            found[stage].instructions.append((name, rest))
    return found


STAGES = stages((ROOT / "deploy" / "Dockerfile").read_text())
DOCKERIGNORE = (ROOT / ".dockerignore").read_text()


def is_ignored(path: str, dockerignore: str) -> bool:
    """Whether a build is not given a path: the last line that fits it or a parent decides."""
    above = [path, *map(str, Path(path).parents)]
    ignored = False
    for line in dockerignore.splitlines():
        pattern = line.removeprefix("!")
        if not line.startswith("#") and any(fnmatch(part, pattern) for part in above):
            ignored = not line.startswith("!")
    return ignored


def copy(target: str, into: Path) -> None:
    def left_out(directory: str, names: list[str]) -> set[str]:
        above = Path(directory).relative_to(ROOT)
        return {name for name in names if is_ignored(str(above / name), DOCKERIGNORE)}

    for source in STAGES[target].sources:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, into / source, ignore=left_out)
        else:
            shutil.copy(ROOT / source, into)


def runs(command: Sequence[str], target: str) -> bool:
    contents = STAGES[target].sources
    match command:
        case ["python", "-m", module, *_]:
            given = not is_ignored(module.replace(".", "/"), DOCKERIGNORE)
            return given and module.split(".")[0] in contents and find_spec(module) is not None
        case ["python", script, *_]:
            return script in contents
        case ["box-office", name, *_]:
            return target == "box-office" and name in _commands()
        case ["box-office"]:
            return target == "box-office"
        case _:
            return False


def default_command(target: str) -> list[str]:
    command: list[str] = json.loads(dict(STAGES[target].instructions)["CMD"])
    return command


def _commands() -> set[str]:
    return set(getattr(typer.main.get_command(app), "commands", {}))
