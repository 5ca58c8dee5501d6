"""The sandbox provider as tests use it: a process of its own, with faults to order."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from entrypoints.devstack.children import Child, Home, child, free_port
from entrypoints.devstack.servers import listens, until_ready
from entrypoints.settings import LOOPBACK

ROOT = Path(__file__).parents[2]
SECRET = "only the provider and we know it"


@dataclass(frozen=True, slots=True)
class Provider:
    """A running provider, as its own people and any checker see it: docs/sandbox-provider.md."""

    child: Child
    url: str

    async def plan(self, *faults: Mapping[str, object]) -> None:
        status, body = await self.ask("PUT", "/v1/faults", list(faults))
        assert status == 200, body

    async def effects(self, kind: str, payment_id: str) -> int:
        moved = await self.rows("effects")
        return sum((effect["kind"], effect["payment_id"]) == (kind, payment_id) for effect in moved)

    async def charge_back(self, payment_id: str) -> str:
        """The payer's bank takes the money back; the reference."""
        status, body = await self.ask("POST", f"/v1/payments/{payment_id}/chargebacks")
        assert status == 201, body
        return str(body["refund_ref"])

    async def rows(self, name: str) -> list[dict[str, Any]]:
        status, body = await self.ask("GET", f"/v1/{name}")
        assert status == 200, body
        return list(body)

    async def ask(
        self, method: str, path: str, body: object = None, *, key: str | None = None
    ) -> tuple[int, Any]:
        """One plain request, without our client."""
        headers = {} if key is None else {"Idempotency-Key": key}
        async with (
            ClientSession() as session,
            session.request(method, self.url + path, json=body, headers=headers) as answer,
        ):
            return answer.status, await answer.json()


@asynccontextmanager
async def running(
    directory: Path,
    home: Home,
    *,
    name: str = "provider",
    port: int | None = None,
    notify_url: str | None = None,
) -> AsyncIterator[Provider]:
    """A provider with its ledger in a directory; over the same one, it knows all it knew."""
    port = port or free_port()
    command = (
        *(sys.executable, "-m", "sandbox.provider", "--port", str(port), "--data-dir", directory),
        *(("--notify-url", notify_url) if notify_url else ()),
    )
    environment = {"SANDBOX_SECRET": SECRET, "PYTHONPATH": str(ROOT)}
    async with child(home, name, command, environment=environment) as started:
        await until_ready(started, lambda: listens(port))
        yield Provider(started, f"http://{LOOPBACK}:{port}")
