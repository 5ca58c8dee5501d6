"""A browser that asked a person for the codec server's token shows it to the Web UI's requests."""

import pytest
from aiohttp import web
from playwright.async_api import HttpCredentials, async_playwright
from pydantic import SecretStr

from entrypoints.codec_server.app import app
from entrypoints.settings import LOOPBACK, Settings
from tests.browser.web_ui import CHROMIUM, FLAGS, NO_CHROMIUM
from tests.integration.webhooks.provider import serving
from tests.support.http import answering
from tests.unit.encryption.keys import NEW

TOKEN = "of whoever may read"
DECODE = """
async ([codec, credentials]) => (await fetch(`${codec}/decode`, {
    method: "POST", credentials, headers: {"Content-Type": "application/json"}, body: "{}",
})).status
"""
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)


async def _a_page(_: web.Request) -> web.Response:
    return web.Response(text="<p>the Web UI", content_type="text/html")


async def test_after_the_login_the_web_ui_may_decode() -> None:
    async with answering(_a_page) as web_ui, async_playwright() as playwright:
        settings = Settings(
            payload_keys=(SecretStr(NEW),), codec_origins=(web_ui,), codec_token=SecretStr(TOKEN)
        )
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        async with serving(app(settings)) as door:
            codec = f"http://{LOOPBACK}:{door.port}"
            typed = HttpCredentials(username="anybody", password=TOKEN, origin=codec)
            page = await (await browser.new_context(http_credentials=typed)).new_page()
            login = await page.goto(codec)
            assert login
            assert login.status == 200
            await page.goto(web_ui)
            assert await page.evaluate(DECODE, [codec, "omit"]) == 401
            assert await page.evaluate(DECODE, [codec, "include"]) == 200
        await browser.close()
