"""Every package that the locks name has a licence under which it may be used and shipped."""

import re
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path

LOCK = Path(__file__).parents[2] / "requirements-dev.lock"

# The first words of what metadata says, in whichever of three fields it says it. All of them allow
# to ship a package unchanged beside our code; MPL-2.0 demands to publish changes to its files.
ALLOWED = re.compile(
    r"(Apache|MIT|0?BSD|3-Clause BSD|ISC|PSF-2\.0|Python Software Foundation"
    r"|MPL-2\.0|Mozilla Public License 2\.0)\b"
)


def licences(distribution: Distribution) -> list[str]:
    """What a package says: alternatives and parts of an expression are one licence each."""
    said = distribution.metadata
    if "License-Expression" in said:
        return re.split(r" AND | OR ", said["License-Expression"])
    classified = [line.split(" :: ")[-1] for line in said.get_all("Classifier") or ()]
    licences = [line for line in classified if line.endswith(("License", "(ISCL)", "(MPL 2.0)"))]
    return licences or said.get_all("License") or ["none"]


def forbidden(said: Iterable[str]) -> list[str]:
    return [licence for licence in said if not ALLOWED.match(licence)]


def test_every_licence_of_the_lock_is_allowed() -> None:
    locked = set(re.findall(r"^([A-Za-z0-9._-]+)", LOCK.read_text(), re.MULTILINE))
    found = {
        distribution.name: licences(distribution)
        for distribution in distributions()
        if _normal(distribution.name) in {_normal(name) for name in locked}
    }
    assert len(found) == len(locked), locked - found.keys()
    assert {name: said for name, said in found.items() if forbidden(said)} == {}


def test_other_licences_and_none_are_found() -> None:
    said = ["MIT", "GPL-3.0-only", "AGPL-3.0", "Proprietary", "none", "Apache-2.0"]
    assert forbidden(said) == ["GPL-3.0-only", "AGPL-3.0", "Proprietary", "none"]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
