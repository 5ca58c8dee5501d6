"""Our services of docker-compose.yml as plain processes on this machine.

Host names become loopback addresses, and ports free ones; command, environment and health check
are otherwise what the file says.
"""

import os
import re
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from entrypoints.devstack.children import Child, Home, child, free_port
from entrypoints.devstack.servers import until_ready
from entrypoints.settings import LOOPBACK
from tests.integration.deploy.compose import ROOT, Service

OF_THE_IMAGE = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
PROGRAMS = {  # where an image has them, and where they are here
    "python": [sys.executable],
    "box-office": [sys.executable, "-m", "entrypoints.cli"],
}
ANYWHERE = "0.0.0.0"  # read in the file, never listened on


@dataclass(frozen=True, slots=True)
class Machine:
    """`ports` says where what listens at a service's port listens here."""

    home: Home
    services: Mapping[str, Service]
    ports: dict[tuple[str, int], int] = field(default_factory=dict)

    def port(self, name: str, port: int) -> int:
        return self.ports.setdefault((name, port), free_port())

    def run(self, name: str, *more: str) -> AbstractAsyncContextManager[Child]:
        """The service's own process; `more` is what `docker compose run` is given after it."""
        service = self.services[name]
        words = [*service.get("entrypoint", []), *service.get("command", []), *more]
        return self._run(name, name, words)

    async def check(self, name: str) -> None:
        """Its health check, once.

        Raises:
            RuntimeError: it is not healthy.
        """
        kind, *words = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        async with self._run(name, f"{name}-check", words) as checking:
            if await checking.wait() != 0:
                raise RuntimeError(f"not healthy: {checking.log_tail()}")

    async def until_healthy(self, name: str, process: Child) -> None:
        await until_ready(process, lambda: self.check(name))

    @asynccontextmanager
    async def _run(self, name: str, called: str, words: Sequence[str]) -> AsyncIterator[Child]:
        program, *arguments = words
        command = [*PROGRAMS[program], *(self._here(name, argument) for argument in arguments)]
        environment = {key: self._here(name, url) for key, url in self._environment(name).items()}
        nothing_else = dict.fromkeys(os.environ)
        async with child(
            self.home, called, command, environment={**nothing_else, **OF_THE_IMAGE, **environment}
        ) as process:
            yield process

    def _environment(self, name: str) -> dict[str, str]:
        environment: dict[str, str] = self.services[name].get("environment", {})
        return environment

    def _here(self, name: str, text: str) -> str:
        if text == "/data":
            return str(self.home.directory / f"{name}-data")
        own = self._listens_at(name)
        text = re.sub(
            rf"\b({'|'.join(self.services)}):(\d+)",
            lambda found: f"{LOOPBACK}:{self.port(found[1], int(found[2]))}",
            text,
        )
        text = re.sub(
            r"\b\d{4,5}\b",
            lambda found: str(self.port(name, int(found[0]))) if found[0] in own else found[0],
            text,
        )
        return text.replace(ANYWHERE, LOOPBACK)

    def _listens_at(self, name: str) -> set[str]:
        words = self.services[name].get("command", [])
        after_option = {
            value for option, value in pairwise(words) if re.fullmatch(r"--([a-z]+-)?port", option)
        }
        at_address = (value.split(":") for value in self._environment(name).values())
        return after_option | {address[1] for address in at_address if address[0] == ANYWHERE}
