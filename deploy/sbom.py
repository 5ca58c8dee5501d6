"""Writes what the image and the wheel are made of: `make sbom`.

The packages, their versions, licences and needs are those of the developers' environment, which has
the versions of both locks. What the image's base contains (Debian, Python) is not in it.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Set
from importlib.metadata import requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EMBEDDED: list[str] = PROJECT["optional-dependencies"]["embedded"]
REQUIRED: Mapping[str, list[str]] = {
    "image": PROJECT["dependencies"],
    "wheel": [*PROJECT["dependencies"], *EMBEDDED],  # as box-office[embedded]
}
Bom = dict[str, Any]  # a CycloneDX document


def write(directory: Path) -> None:
    """Write a document for the image and one for the wheel."""
    directory.mkdir(exist_ok=True)
    environment = _environment()
    for name, required in REQUIRED.items():
        text = json.dumps(part(environment, needed(required)), indent=2, sort_keys=True)
        (directory / f"sbom-{name}.cdx.json").write_text(f"{text}\n")


def needed(required: Iterable[str]) -> set[str]:
    """Return the names of all packages that these requirements lead to on this machine."""
    seen: set[tuple[str, str]] = set()  # packages, with each extra that is wanted of them
    left = list(map(Requirement, required))
    while left:
        requirement = left.pop()
        name = normal(requirement.name)
        wanted = {(name, extra) for extra in ("", *requirement.extras)} - seen
        seen |= wanted
        left += [
            need
            for need in map(Requirement, (wanted and requires(name)) or ())
            if not need.marker or any(need.marker.evaluate({"extra": it}) for _, it in wanted)
        ]
    return {name for name, _ in seen}


def part(bom: Bom, names: Set[str]) -> Bom:
    """Return the document without the components of other names."""
    components = [it for it in bom["components"] if normal(it["name"]) in names]
    kept = {bom["metadata"]["component"]["bom-ref"], *(it["bom-ref"] for it in components)}
    dependencies = [
        {**it, "dependsOn": [ref for ref in it.get("dependsOn", ()) if ref in kept]}
        for it in bom["dependencies"]
        if it["ref"] in kept
    ]
    return {**bom, "components": components, "dependencies": dependencies}


def normal(name: str) -> str:
    """Return the form that all writings of a package's name share."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _environment() -> Bom:
    program = Path(sys.executable).with_name("cyclonedx-py")
    options = ("--pyproject", ROOT / "pyproject.toml", "--output-reproducible", "--validate")
    command = (program, "environment", *options, sys.executable)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603  # ours
    environment: Bom = json.loads(done.stdout)
    return environment


if __name__ == "__main__":
    write(ROOT / "dist")
