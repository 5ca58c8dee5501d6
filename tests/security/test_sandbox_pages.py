"""A page of another site, in a developer's browser, moves no money here and reads no mail."""

from collections.abc import Mapping

import aiohttp

from tests.support.builders import capture_request
from tests.support.mail_sink import MailSink
from tests.support.provider import Provider

SITE = "evil.example"
FOREIGN: list[Mapping[str, str]] = [
    {"Origin": f"http://{SITE}"},
    {"Origin": "null"},
    {"Host": SITE},
    {"Host": f"{SITE}:8400", "Origin": f"http://{SITE}:8400"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": "[evil.example"},
    {"Host": ""},
]


async def status(method: str, url: str, headers: Mapping[str, str]) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers=headers) as answer,
    ):
        return answer.status


async def test_the_page_of_another_site_moves_no_money(provider: Provider) -> None:
    """Shows that neither a form nor a name that leads here charges a payment back."""
    request = capture_request("b1").model_dump(mode="json")
    assert (await provider.ask("POST", "/v1/payments", request, key="p1"))[0] == 201
    for headers in FOREIGN:
        charge_back = f"{provider.url}/v1/payments/p1/chargebacks"
        assert await status("POST", charge_back, headers) == 403, headers
        assert await status("DELETE", f"{provider.url}/v1/faults", headers) == 403, headers
    assert [effect["kind"] for effect in await provider.rows("effects")] == ["capture"]


async def test_the_page_of_another_site_reads_no_mail(mail_sink: MailSink) -> None:
    for headers in FOREIGN:
        assert await status("GET", f"{mail_sink.http_url}/messages", headers) == 403, headers


async def test_its_own_page_and_names_of_services_are_answered(mail_sink: MailSink) -> None:
    port = mail_sink.http_url.rpartition(":")[2]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", "mail:8526"):
        for headers in ({"Host": host}, {"Host": host, "Origin": f"http://{host}"}):
            assert await status("GET", f"{mail_sink.http_url}/messages", headers) == 200
