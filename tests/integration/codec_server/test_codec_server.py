"""The codec server over HTTP, asked as the Web UI asks."""

import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Mapping
from io import BytesIO
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from pydantic import SecretStr
from temporalio.api.common.v1 import Payload

from entrypoints.codec_server.app import BODY_BYTES_MAX, app
from entrypoints.errors import BadSetting
from entrypoints.settings import Settings
from tests.integration.webhooks.provider import Door, serving
from tests.unit.encryption.keys import NEW, OLD, codec
from workflows.encryption import ENCODING, KEY_ID, WORKFLOW_ID

UI = "http://localhost:8233"
TOKEN = "shown by temporal --codec-auth"
KEYS = (SecretStr(NEW), SecretStr(OLD))
CLEAR = Payload(metadata={"encoding": b"json/plain"}, data=b'"Ada sits on 3-14"')
Reply = tuple[int, Any, Mapping[str, str]]


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    settings = Settings(payload_keys=KEYS, codec_origins=(UI,), codec_encodes=True)
    async with serving(app(settings)) as door:
        yield door


async def ask(door: Door, path: str, body: str | bytes | BytesIO, **headers: str) -> Reply:
    """As a page of the Web UI would, unless another origin is given."""
    headers = {"Content-Type": "application/json", "X-Namespace": "default", "Origin": UI} | headers
    async with door.session.post(path, data=body, headers=headers) as response:
        return response.status, await response.json(), response.headers


async def decode(door: Door, *payloads: Payload, **headers: str) -> Reply:
    return await ask(door, "/decode", wire(*payloads), **headers)


def wire(*payloads: Payload) -> str:
    return json.dumps({"payloads": [MessageToDict(payload) for payload in payloads]})


async def sealed(*entries: str, workflow_id: str | None = "booking-ada-1") -> Payload:
    [payload] = await codec(*entries, workflow_id=workflow_id).encode([CLEAR])
    return payload


async def test_a_page_of_the_web_ui_gets_payloads_of_every_key_decoded(door: Door) -> None:
    status, answer, headers = await decode(door, await sealed(OLD), await sealed(NEW), CLEAR)
    assert status == 200
    assert [b64decode(payload["data"]) for payload in answer["payloads"]] == [CLEAR.data] * 3
    assert headers["Access-Control-Allow-Origin"] == UI


async def test_what_a_page_sends_is_encoded_with_the_first_key(door: Door) -> None:
    status, answer, _ = await ask(door, "/booking-ada-1/encode", wire(CLEAR))
    [payload] = answer["payloads"]
    metadata = {name: b64decode(value) for name, value in payload["metadata"].items()}
    named = {"encoding": ENCODING, KEY_ID: b"new", WORKFLOW_ID: b"booking-ada-1"}
    assert (status, metadata) == (200, named)


async def test_both_answers_are_had_at_an_address_of_one_workflow(door: Door) -> None:
    _, encoded, _ = await ask(door, "/booking-ada-1/encode", wire(CLEAR))
    status, answer, _ = await ask(door, "/booking-ada-1/decode", json.dumps(encoded))
    assert (status, b64decode(answer["payloads"][0]["data"])) == (200, CLEAR.data)


async def test_a_browser_may_ask_for_a_page_of_the_web_ui_only(door: Door) -> None:
    question = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-namespace",
    }
    for origin, status in ((UI, 200), ("http://evil.example", 400)):
        headers = {"Origin": origin, **question}
        async with door.session.options("/decode", headers=headers) as response:
            assert response.status == status
            assert response.headers.get("Access-Control-Allow-Origin") == (
                UI if status == 200 else None
            )


@pytest.mark.parametrize("origin", ["http://evil.example", "null", f"{UI}.evil.example", ""])
async def test_a_page_of_another_origin_is_told_nothing(door: Door, origin: str) -> None:
    status, answer, headers = await decode(door, await sealed(NEW), Origin=origin)
    assert status == 403
    assert "BOX_OFFICE_CODEC_ORIGINS" in answer["detail"]
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null",  b"\xff",  b'{"payloads": 1}', b'{"payloads": [1]}',
     b'{"payload": []}', b"[" * 10_000],
)  # fmt: skip
async def test_what_is_no_payload_is_bad_input(door: Door, body: bytes) -> None:
    for path in ("/booking-ada-1/encode", "/decode"):
        status, answer, _ = await ask(door, path, body)
        assert (status, answer["detail"][:17]) == (400, 'not {"payloads": ')


async def test_no_payload_at_all_is_answered_with_none(door: Door) -> None:
    assert (await ask(door, "/decode", "{}"))[:2] == (200, {})


async def test_a_payload_that_cannot_be_read_is_refused_with_the_reason(door: Door) -> None:
    tampered = await sealed(NEW)
    tampered.data = tampered.data[:-1]
    unknown = await sealed("k3:" + b64encode(bytes(32)).decode())
    for payload, told in ((tampered, "tampered with"), (unknown, "key 'k3', which is missing")):
        status, answer, _ = await decode(door, CLEAR, payload)
        assert status == 422
        assert told in answer["detail"]


async def test_a_body_without_end_is_not_read(door: Door) -> None:
    status, _, headers = await ask(door, "/decode", BytesIO(b" " * (BODY_BYTES_MAX + 1)))
    assert (status, headers["Connection"]) == (413, "close")


async def test_with_a_token_who_does_not_show_it_is_told_nothing() -> None:
    settings = Settings(payload_keys=KEYS, codec_origins=(UI,), codec_token=SecretStr(TOKEN))
    async with serving(app(settings)) as door:
        for shown, status in ((f"Bearer {TOKEN}", 200), (f"Bearer {TOKEN}x", 401), (TOKEN, 401)):
            assert (await decode(door, await sealed(NEW), Authorization=shown))[0] == status
        assert (await decode(door, await sealed(NEW)))[0] == 401


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        (Settings(codec_origins=(UI,)), "BOX_OFFICE_PAYLOAD_KEYS"),
        (Settings(payload_keys=KEYS), "BOX_OFFICE_CODEC_ORIGINS"),
    ],
)
def test_it_does_not_start_without_keys_or_an_origin(settings: Settings, field: str) -> None:
    with pytest.raises(BadSetting, match=field):
        app(settings)
