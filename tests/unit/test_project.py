"""What GitHub, Renovate and pre-commit read of this repository, and the two locks."""

import re
import sys
from pathlib import Path
from subprocess import run

import pytest
import yaml

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements-dev.lock", "requirements.lock")
# What Renovate accepts in a lock's first lines: lib/modules/manager/pip-compile/common.ts.
KNOWN_TO_RENOVATE = {
    "--allow-unsafe",
    "--constraint",
    "--extra",
    "--generate-hashes",
    "--no-emit-index-url",
    "--output-file",
}
PIN = re.compile(r"^([a-z0-9-]+)(?:\[[a-z,-]+\])?==(\S+)", re.MULTILINE)


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-workflows", ".github/workflows/check.yml"),
        ("custom.github-workflows-require-timeout", ".github/workflows/check.yml"),
        ("vendor.renovate", ".github/renovate.json"),
    ],
)
def test_whoever_reads_a_file_understands_it(schema: str, file: str) -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    checked = run(
        [checker, "--builtin-schema", schema, ROOT / file], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout


def test_renovate_can_repeat_the_command_of_each_lock() -> None:
    for lock in LOCKS:
        header = (ROOT / lock).read_text().split("\n#\n")[1]
        command, *words = header.removeprefix("#    ").split()
        options = {word.split("=")[0] for word in words if word.startswith("-")}
        assert (command, options - KNOWN_TO_RENOVATE) == ("pip-compile", set())
        assert f"--output-file={lock}" in words


def test_both_locks_name_the_same_versions() -> None:
    developers, image = (dict(PIN.findall((ROOT / lock).read_text())) for lock in LOCKS)
    assert image.items() <= developers.items()
    assert len(image) > 50


def test_a_commit_hook_runs_a_program_of_the_environment() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    programs = [hook["entry"].split()[0] for hook in hooks]
    assert [hook["language"] for hook in hooks] == ["system"] * len(programs)
    locked = PIN.findall((ROOT / "requirements-dev.lock").read_text())
    assert {Path(program).name for program in programs} <= {name for name, _ in locked}
    assert {str(Path(program).parent) for program in programs} == {".venv/bin"}


def test_the_shards_of_the_gate_are_the_whole_suite() -> None:
    loop = (ROOT / ".ci" / "run").read_text().split("for shard in")[1].split("; do")[0]
    shards = re.findall(r"tests/\w+", loop)
    rooms = {
        f"tests/{room.name}" for room in (ROOT / "tests").iterdir() if any(room.rglob("test_*.py"))
    }
    assert sorted(shards) == sorted(rooms - {"tests/chaos"})  # `make chaos` runs that
