"""Temporal's Web UI in a real browser, as an operator sees it. Needs Chromium on the path."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

from playwright.async_api import Locator, Page, async_playwright, expect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
NO_CHROMIUM = "Chromium is not installed: apt-get install chromium (Debian, Ubuntu)"
FLAGS = (  # as root, and without a word to the network
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CURRENT_DETAILS = 2  # the frame after the summary's and the static details'
PATIENCE_SECONDS = 30.0  # a busy machine; on an idle one a page is there in one


@dataclass(frozen=True, slots=True)
class WebUI:
    """The pages of one namespace; each method waits until what it opens can be seen."""

    page: Page
    url: str
    namespace: str = "default"

    async def search(self, query: str) -> None:
        await self._open(f"?{urlencode({'query': query})}")
        await self.page.get_by_role("table").wait_for()

    async def open(self, workflow: str) -> None:
        """The page of a workflow, with its timeline."""
        await self._open(f"/{workflow}")
        await self.page.get_by_role("button", name="More Actions").wait_for()

    async def oldest_first(self) -> None:
        await self.page.get_by_role("button", name="Descending").click()
        await self.page.get_by_role("button", name="Ascending").wait_for()

    async def tab(self, name: str) -> None:
        await self.page.get_by_role("tab", name=name).click()

    async def current_details(self) -> Locator:
        await self.tab("User Metadata")
        return self.page.locator("iframe").nth(CURRENT_DETAILS).content_frame.locator("body")

    async def offer_updates(self) -> Locator:
        """The dialog "Send an Update", with the list of those that the process takes."""
        await self.page.get_by_role("button", name="More Actions").click()
        await self.page.get_by_role("menuitem", name="Send an Update").click()
        dialog = self.page.get_by_role("dialog", name="Send an Update")
        await dialog.get_by_role("button", name="Select an Update").click()
        return dialog

    async def choose_update(self, name: str) -> Locator:
        """The dialog with this one chosen."""
        dialog = await self.offer_updates()
        await self.page.get_by_role("option", name=name).click()
        return dialog

    async def fill_in(self, dialog: Locator, data: str) -> None:
        editor = dialog.get_by_role("textbox", name="Data")
        await editor.fill(data)
        await editor.blur()  # it lays the JSON out, which moves the button

    async def send(self, dialog: Locator, data: str) -> None:
        await self.fill_in(dialog, data)
        await dialog.get_by_role("button", name="Submit").click()

    async def _open(self, path: str) -> None:
        await self.page.goto(f"{self.url}/namespaces/{self.namespace}/workflows{path}")


@asynccontextmanager
async def browser_page(width: int = 1280, height: int = 800) -> AsyncIterator[Page]:
    """A page of a browser of its own, so many pixels large, where it is UTC."""
    assert CHROMIUM is not None, NO_CHROMIUM
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(
            viewport={"width": width, "height": height}, timezone_id="UTC"
        )
        page.set_default_timeout(1000 * PATIENCE_SECONDS)
        expect.set_options(timeout=1000 * PATIENCE_SECONDS)
        yield page
        await browser.close()
