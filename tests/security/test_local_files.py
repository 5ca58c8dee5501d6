"""Files that others put in our way are not followed, not obeyed, and not read without end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from entrypoints.devstack.children import claim
from entrypoints.errors import StackError

ROOT = Path(__file__).parents[2]
AT_A_TERMINAL = """
import sys
sys.stderr.isatty = lambda: True
sys.argv[1:] = ["lag", "--help"]
from entrypoints.cli.app import main
main()
"""
AS_A_PROGRAM = """
from entrypoints.observability.telemetry import configure
from entrypoints.settings import temporal_address
configure("box-office-worker")
print(temporal_address())
"""


async def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("of somebody else")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "lock").symlink_to(victim)
    with pytest.raises(StackError, match="cannot be used"):
        async with claim(tmp_path / "data"):
            pass
    assert victim.read_text() == "of somebody else"


def started(directory: Path, script: str) -> tuple[str, str]:
    environment = {"PYTHONPATH": str(ROOT)}
    command = (sys.executable, "-c", script)
    ran = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=True
    )
    return ran.stdout, ran.stderr


@pytest.mark.parametrize("script", [AT_A_TERMINAL, AS_A_PROGRAM], ids=["command", "program"])
def test_whoever_starts_a_program_is_told_of_a_file_of_settings(
    tmp_path: Path, script: str
) -> None:
    (tmp_path / ".env").write_text("TEMPORAL_ADDRESS=evil.example:7233\n")
    assert f"settings are read from {tmp_path}/.env" in started(tmp_path, script)[1]
    (tmp_path / ".env").unlink()
    assert ".env" not in started(tmp_path, script)[1]


def test_a_file_of_settings_that_others_may_write_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("TEMPORAL_ADDRESS=evil.example:7233\n")
    assert started(tmp_path, AS_A_PROGRAM)[0] == "evil.example:7233\n"
    file.chmod(0o666)
    stdout, stderr = started(tmp_path, AS_A_PROGRAM)
    assert stdout == "localhost:7233\n"
    assert "is not read" in stderr
    file.chmod(0o644)
    if os.geteuid() == 0:  # only root can give a file away
        os.chown(file, 65534, 65534)
        assert started(tmp_path, AS_A_PROGRAM)[0] == "localhost:7233\n"
