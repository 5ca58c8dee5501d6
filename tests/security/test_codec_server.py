"""The codec server gives whoever reaches it no way around encryption, and no way to stop it."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from io import BytesIO

import pytest
import yaml
from google.protobuf.json_format import ParseDict
from pydantic import SecretStr
from structlog.testing import capture_logs
from temporalio.api.common.v1 import Payload

from entrypoints.codec_server.app import BODY_BYTES_MAX, app, serve_codec
from entrypoints.errors import BadSetting
from entrypoints.observability.metrics import Metrics
from entrypoints.settings import Settings
from tests.integration.codec_server.test_codec_server import (
    CLEAR,
    KEYS,
    TOKEN,
    UI,
    ask,
    decode,
    sealed,
    wire,
)
from tests.integration.deploy.compose import ROOT, load
from tests.integration.webhooks.provider import Door, serving
from tests.unit.encryption.keys import NEW, codec
from workflows.encryption import PayloadRefusedError

SETTINGS = Settings(payload_keys=KEYS, codec_origins=(UI,))
ENCODES = SETTINGS.model_copy(update={"codec_encodes": True})
WITH_TOKEN = SETTINGS.model_copy(update={"codec_token": SecretStr(TOKEN)})
EMPTY = b'{"payloads": [' + b"{}," * (2 * 1024 * 1024) + b"{}]}"
NAMES = b'{"payloads": [{"metadata": {' + b'"":"",' * (1024 * 1024) + b'"":""}}]}'
NUMBERS = b'{"payloads": [' + b"1," * (3 * 1024 * 1024) + b"1]}"
NESTED = b"[" * (6 * 1024 * 1024)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with serving(app(SETTINGS)) as door:
        yield door


async def test_it_encrypts_nothing_unless_a_setting_says_so(door: Door) -> None:
    """Shows that nobody gets a payload that a workflow would accept."""
    for path in ("/encode", "/booking-ada-1/encode"):
        assert (await ask(door, path, wire(CLEAR)))[0] == 404


async def test_what_it_encrypts_is_for_one_workflow_only() -> None:
    async with serving(app(ENCODES)) as door:
        assert (await ask(door, "/encode", wire(CLEAR)))[0] == 404
        assert (await ask(door, "/anything/encode", wire(CLEAR)))[0] == 422
        _, answer, _ = await ask(door, "/booking-ada-1/encode", wire(CLEAR))
    [encoded] = answer["payloads"]
    payload = ParseDict(encoded, Payload())
    assert codec(NEW, workflow_id="booking-ada-1").opened(payload) == CLEAR
    with pytest.raises(PayloadRefusedError, match="it is of booking-ada-1"):
        codec(NEW, workflow_id="booking-bob-1").opened(payload)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "codec.example", ""])
async def test_without_a_token_it_does_not_listen_where_others_can_reach_it(host: str) -> None:
    with pytest.raises(BadSetting, match="BOX_OFFICE_CODEC_TOKEN"):
        await serve_codec(SETTINGS, host=host, port=0)


async def test_a_browser_that_asked_a_person_for_the_token_may_read() -> None:
    async with serving(app(WITH_TOKEN)) as door:
        async with door.session.get("/") as response:
            assert response.status == 401
            assert response.headers["WWW-Authenticate"].startswith("Basic ")
        shown = f"Basic {b64encode(f'anybody:{TOKEN}'.encode()).decode()}"
        async with door.session.get("/", headers={"Authorization": shown}) as response:
            assert response.status == 200
        assert (await decode(door, await sealed(NEW), Authorization=shown))[0] == 200
        for wrong in ("Basic", "Basic ?", "Basic " + b64encode(TOKEN.encode()).decode(), "Digest"):
            assert (await decode(door, await sealed(NEW), Authorization=wrong))[0] == 401


def test_compose_and_kubernetes_demand_the_token() -> None:
    assert "BOX_OFFICE_CODEC_TOKEN" in load()["services"]["codec-server"]["environment"]
    file = ROOT / "deploy" / "kubernetes" / "codec-server" / "codec-server.yaml"
    deployment = next(yaml.safe_load_all(file.read_text()))
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    token = next(entry for entry in container["env"] if entry["name"] == "BOX_OFFICE_CODEC_TOKEN")
    assert token["valueFrom"] == {"secretKeyRef": {"name": "box-office", "key": "codec-token"}}


@pytest.mark.parametrize(
    "body", [EMPTY, NAMES, NUMBERS, NESTED], ids=["empty", "names", "numbers", "nested"]
)
async def test_a_body_that_would_cost_much_is_refused_unparsed(door: Door, body: bytes) -> None:
    """Shows that a request cannot keep the server busy for seconds, nor take its memory."""
    assert len(body) < BODY_BYTES_MAX
    assert (await ask(door, "/decode", BytesIO(body)))[:2] == (413, {"detail": "too many payloads"})


async def test_the_largest_answer_of_temporal_is_decoded(door: Door) -> None:
    large = Payload(metadata=CLEAR.metadata, data=b"x" * 2 * 1024 * 1024)
    encoded = await codec(NEW).encode([large, large, *[CLEAR] * 500])
    status, answer, _ = await ask(door, "/decode", BytesIO(wire(*encoded).encode()))
    assert (status, len(answer["payloads"])) == (200, 502)


async def test_what_is_refused_is_logged_and_counted() -> None:
    metrics = Metrics(())
    async with serving(app(WITH_TOKEN, metrics.count_codec_answer)) as door:
        shown = {"Authorization": f"Bearer {TOKEN}"}
        with capture_logs() as lines:
            await decode(door, await sealed(NEW))
            await decode(door, await sealed(NEW), Origin="http://evil.example")
            await ask(door, "/decode", b"{", **shown)
            await decode(door, await sealed(NEW), **shown)
    assert [(line["event"], line["status"]) for line in lines] == [
        ("codec refused", status) for status in (401, 403, 400)
    ]
    assert "Ada" not in json.dumps(lines)
    for status in ("200", "400", "401", "403"):
        answers = {"status": status}
        assert metrics.registry.get_sample_value("box_office_codec_answers_total", answers) == 1
