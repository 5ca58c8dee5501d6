"""deploy/Dockerfile, as far as it can be checked without an engine that builds it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.deploy.images import (
    DOCKERIGNORE,
    ROOT,
    STAGES,
    copy,
    default_command,
    is_ignored,
    runs,
    stages,
)

TARGETS = ("box-office", "sandbox")
PROGRAMS = (
    "worker",
    "starter",
    "entrypoints.cli.app",
    "entrypoints.consumers",
    "entrypoints.webhooks.app",
    "entrypoints.codec_server.app",
)


def test_whatever_is_copied_exists_and_is_given_to_the_build() -> None:
    sources = [source for stage in STAGES.values() for source in stage.sources]
    assert "worker.py" in sources
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if is_ignored(source, DOCKERIGNORE)] == []


def test_the_build_is_given_nothing_else() -> None:
    sources = {source for stage in STAGES.values() for source in stage.sources}
    given = {path.name for path in ROOT.iterdir() if not is_ignored(path.name, DOCKERIGNORE)}
    assert given == sources
    assert is_ignored("entrypoints/__pycache__/cli.cpython-311.pyc", DOCKERIGNORE)


def test_the_sandbox_image_has_what_only_its_mail_server_needs() -> None:
    """That nothing else is missing is shown by tests/e2e/test_release.py."""
    assert "(aiosmtpd|" in dict(STAGES["locked-sandbox"].instructions)["RUN"]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("image")
    copy("box-office", directory)
    return directory


def python(*arguments: str, image: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=image, capture_output=True, text=True, check=False
    )


def test_the_demo_the_drill_and_the_stack_of_developers_are_in_no_image(image: Path) -> None:
    rooms = {room.name for room in (image / "entrypoints").iterdir()}
    assert {"cli", "webhooks", "codec_server"} <= rooms
    assert not rooms & {"demo", "drill", "devstack"}
    assert not runs(["python", "-m", "entrypoints.demo.crashing"], "box-office")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_needs_nothing_that_the_image_lacks(program: str, image: Path) -> None:
    code = f"import {program} as program; print(program.__file__)"
    ran = python("-c", code, image=image)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith(str(image)), "it was imported from somewhere else"


def test_the_command_line_of_an_image_offers_no_command_for_developers(image: Path) -> None:
    listed = python("-m", "entrypoints.cli", "--help", image=image).stdout
    assert "  restart-processes " in listed
    assert "  up " not in listed
    refused = python("-m", "entrypoints.cli", "up", image=image)
    assert refused.returncode == 2
    assert refused.stderr == "`up` is for development, and not part of this installation.\n"


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_a_program_of_its_own_as_a_user_without_rights(target: str) -> None:
    assert runs(default_command(target), target)
    # A number, because Kubernetes cannot tell whether a name is root.
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", dict(STAGES[target].instructions)["USER"])
    assert not runs(["python", "-m", "sandbox.mail"], "box-office")


def test_the_base_has_a_patch_version_and_each_package_a_hash() -> None:
    external = {stage.base for stage in STAGES.values()} - STAGES.keys()
    assert [base for base in external if not re.search(r":\d+\.\d+\.\d+-", base)] == []
    steps = [rest for stage in STAGES.values() for name, rest in stage.instructions]
    installs = [part for step in steps for part in step.split("&&") if "pip install" in part]
    assert len(installs) == 2
    assert all("--require-hashes" in install for install in installs)


def test_a_file_that_is_not_given_to_the_build_is_found() -> None:
    stage = stages("FROM python:3 AS it\nCOPY worker.py tests ./\nCOPY --from=x /a /a\n")["it"]
    assert stage.sources == ["worker.py", "tests"]
    assert [source for source in stage.sources if is_ignored(source, DOCKERIGNORE)] == ["tests"]
