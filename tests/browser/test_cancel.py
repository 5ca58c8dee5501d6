"""An operator at Temporal's Web UI: the real dialog, in a real browser."""

from pathlib import Path

import pytest
from playwright.async_api import expect
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from entrypoints.devstack.children import claim, free_port
from entrypoints.devstack.servers import temporal_server
from entrypoints.settings import Settings
from entrypoints.temporal import worker
from tests.browser.web_ui import CHROMIUM, NO_CHROMIUM, WebUI, browser_page
from tests.support.builders import place
from tests.support.stage import opened_stage
from ticketing.ids import BookingId
from workflows.client import booking_handle

pytestmark = [pytest.mark.temporal, pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)]


@pytest.mark.timeout(120)  # two servers and a browser start
async def test_an_operator_cancels_a_booking(database: str, tmp_path: Path) -> None:
    settings = Settings(database_url=database)
    async with (
        claim(tmp_path) as home,
        temporal_server(home, ui_port=free_port(), durable=False) as temporal,
        browser_page() as page,
    ):
        client = await Client.connect(temporal.address, data_converter=pydantic_data_converter)
        ui = WebUI(page, f"http://127.0.0.1:{temporal.ui_port}")
        async with opened_stage(settings, client) as stage, worker(client, settings, stage.parts):
            await stage.process.place(place("b1", "1-1", "1-2"))
            await ui.open("booking-b1")
            dialog = await ui.choose_update("cancel")

            await ui.send(dialog, '{"reason": ""}')
            await expect(dialog).to_contain_text("reason: String should have at least 1 character")
            assert await stage.held("b1") == 2

            await ui.send(dialog, '{"reason": "fire drill", "cancelled_by": "operator"}')
            await expect(dialog).to_be_hidden()
            outcome = await booking_handle(client, BookingId("b1")).result()
            assert (outcome.status, outcome.reason) == ("cancelled", "fire drill")
            assert await stage.held("b1") == 0
            assert stage.told("b1") == ["confirmed", "cancelled"]
            await expect(await ui.current_details()).to_contain_text("Ended: cancelled: fire drill")
