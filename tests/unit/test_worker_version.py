"""Which version a worker is: of the environment, or what git calls the code."""

import subprocess
from pathlib import Path

import pytest
from pydantic import ValidationError

from entrypoints import settings
from entrypoints.settings import WorkerVersion

NAME, BUILD = "TEMPORAL_DEPLOYMENT_NAME", "TEMPORAL_WORKER_BUILD_ID"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (NAME, BUILD):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)  # where no .env is


def test_without_a_deployment_a_worker_is_unversioned(monkeypatch: pytest.MonkeyPatch) -> None:
    assert WorkerVersion().deployment_name is None
    monkeypatch.setenv(NAME, "")  # as a compose file leaves it
    assert WorkerVersion().deployment_name is None


def test_the_environment_names_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "default/box-office")
    monkeypatch.setenv(BUILD, "1.4.0-7f3a")
    version = WorkerVersion()
    assert (version.deployment_name, version.worker_build_id) == (
        "default/box-office",
        "1.4.0-7f3a",
    )


def test_in_a_checkout_git_names_the_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    who = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    for command in (("init", "-q"), (*who, "commit", "-q", "--allow-empty", "-m", "first")):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=tmp_path, check=True, capture_output=True
    )
    monkeypatch.setattr(settings, "CHECKOUT", tmp_path)
    monkeypatch.setenv(NAME, "box-office")
    assert WorkerVersion().worker_build_id == head.stdout.decode().strip()


def test_elsewhere_a_build_id_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings, "CHECKOUT", tmp_path)
    monkeypatch.setenv(NAME, "box-office")
    with pytest.raises(ValidationError, match="TEMPORAL_WORKER_BUILD_ID is needed"):
        WorkerVersion()


@pytest.mark.parametrize(
    ("name", "build"), [("a.b", "1"), ("a:b", "1"), ("a'b", "1"), ("a", "1:2"), ("a", "1 2")]
)
def test_what_temporal_would_misread_is_refused(name: str, build: str) -> None:
    with pytest.raises(ValidationError, match="contains one of"):
        WorkerVersion(deployment_name=name, worker_build_id=build)
