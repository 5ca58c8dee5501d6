"""`make screenshots`: docs/web-ui/*.png, of a real stack, taken by a real browser.

Exit code 1 without Chromium, 130 after Ctrl-C.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import FloatRect, Locator, Page, expect

from entrypoints.demo.story import Story, request_of
from entrypoints.devstack.children import Home, claim, interruptible
from entrypoints.devstack.examples import CONCERT, QUICK, put_on_sale
from entrypoints.devstack.stack import Ports, stack
from entrypoints.errors import INTERRUPTED
from entrypoints.settings import Settings
from entrypoints.wiring import ROOT, box_office
from tests.browser.web_ui import CHROMIUM, NO_CHROMIUM, WebUI, browser_page

PICTURES = ROOT / "docs" / "web-ui"
WIDTH = 1280  # pixels: to be read in a column of text
LIST, DETAILS, TIMELINE = 480, 760, 1150  # how much of the page, from its top
# The example with a hold of 5 s reminds, too, so that its timeline is complete.
REMINDER_BEFORE_SECONDS = 2.0
OF_CONCERT = f'ConcertId="{CONCERT}"'

WAITING = request_of("ann-1", "ann", CONCERT, "3-14", "3-15")
PAID = request_of("bob-1", "bob", CONCERT, "3-16")
DENIED = request_of("cleo-1", "cleo", CONCERT, "3-15", "3-17")
CANCELLED = request_of("dan-1", "dan", CONCERT, "7-1")
EXPIRED = request_of("eve-1", "eve", QUICK, "1-1", "1-2")


async def book(story: Story) -> None:
    await story.place(WAITING, becomes="confirmed")
    paid = await story.place(PAID, becomes="confirmed")
    await story.pay("pay-bob-1", PAID, paid.total)
    await story.place(DENIED, becomes="denied")
    await story.place(CANCELLED, becomes="confirmed")
    await story.place(EXPIRED, becomes="confirmed")
    await story.ended(EXPIRED, becomes="expired")


async def take_all(story: Story, page: Page) -> None:
    """The pictures, in the order of docs/web-ui.md."""
    ui = WebUI(page, story.stack.ui_url)
    await ui.search(OF_CONCERT)
    await page.get_by_role("button", name="Collapse Navigation").click()
    await expect(page.get_by_role("link", name="payment-pay-bob-1")).to_be_visible()
    await take("list", page, LIST)

    await ui.open("booking-ann-1")
    await ui.oldest_first()
    await expect(page.get_by_text("remind the client to pay")).to_be_visible()
    await take("waiting-timeline", page, TIMELINE)
    await expect(await ui.current_details()).to_contain_text("Waits for payment of 10.00 EUR")
    await take("waiting-details", page, DETAILS)

    await ui.open("booking-eve-1")
    await ui.oldest_first()
    await expect(page.get_by_text("release_seats")).to_be_visible()
    await take("expired-timeline", page, TIMELINE)

    await ui.open("booking-dan-1")
    dialog = await ui.offer_updates()
    await take_dialog("cancel-offered", dialog)
    await page.get_by_role("option", name="cancel").click()
    await ui.fill_in(dialog, '{"reason": "stage is flooded", "cancelled_by": "operator"}')
    await take_dialog("cancel-typed", dialog)
    await dialog.get_by_role("button", name="Submit").click()
    await story.ended(CANCELLED, becomes="cancelled")
    await expect(await ui.current_details()).to_contain_text("Ended: cancelled")
    await take("cancelled-details", page, DETAILS)


async def take(name: str, page: Page, height: int) -> None:
    top: FloatRect = {"x": 0, "y": 0, "width": WIDTH, "height": height}
    await page.screenshot(path=PICTURES / f"{name}.png", clip=top)
    say_taken(name)


async def take_dialog(name: str, dialog: Locator) -> None:
    await dialog.screenshot(path=PICTURES / f"{name}.png")
    say_taken(name)


def say_taken(name: str) -> None:
    file = PICTURES / f"{name}.png"
    print(f"   {file.relative_to(ROOT)}, {file.stat().st_size // 1000} KB", flush=True)


async def run(home: Home) -> None:
    settings = Settings().model_copy(update={"reminder_before_seconds": REMINDER_BEFORE_SECONDS})
    async with (
        stack(home, settings, Ports(), lambda line: print(line, flush=True)) as running,
        box_office(running.settings) as parts,
        browser_page(WIDTH, TIMELINE) as page,
    ):
        await put_on_sale(parts)
        story = Story(running, parts)
        await book(story)
        await take_all(story, page)


async def main() -> int:
    with tempfile.TemporaryDirectory(prefix="box-office-", ignore_cleanup_errors=True) as where:
        async with claim(Path(where)) as home:
            finished = await interruptible(run(home), home, print)
    return 0 if finished else INTERRUPTED


if __name__ == "__main__":
    sys.exit(asyncio.run(main()) if CHROMIUM else NO_CHROMIUM)
