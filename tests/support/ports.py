"""Free ports for `box-office up`, and its arguments."""

import os
from contextlib import suppress
from itertools import chain
from pathlib import Path

from entrypoints.devstack.children import free_port
from entrypoints.devstack.stack import Ports
from entrypoints.errors import StackError

PARTS = 9  # that listen on a port, beside Temporal and its Web UI


def free_ports(**chosen: int) -> Ports:
    """Return free ports; those from Postgres' on are as many in a row as parts need them."""
    for base in range(20_000 + os.getpid() % 10_000, 60_000, PARTS):
        with suppress(StackError):
            for port in range(base, base + PARTS):
                free_port(port)
            return Ports(postgres=base, **chosen)
    raise AssertionError("no free ports")


def up_on(directory: Path, ports: Ports) -> tuple[str, ...]:
    """Return the arguments that run the system on ports that `free_ports` returned."""
    chosen = (("temporal", ports.temporal), ("ui", ports.ui), ("base", ports.postgres))
    options = ((f"--{name}-port", str(port)) for name, port in chosen)
    return ("up", "--data-dir", str(directory), *chain.from_iterable(options))
