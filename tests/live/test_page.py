"""The sample application in a real browser: what somebody adds is there after a reload, and in PostgreSQL.

The browser is the system's Chromium (Debian's package), driven by Playwright. Screenshots at phone and desktop
width are left in .deploy/screenshots to be looked at.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.checkout import ROOT
from tests.labhost import LabHost

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
SCREENSHOTS = ROOT / ".deploy" / "screenshots"
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium with a profile of its own, gone with it."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "no Chromium in PATH: apt-get install chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, headless=True, args=FLAGS)
        yield chromium
        chromium.close()


class Complaints(list[str]):
    """What a page's console and network said that nobody should see."""

    def listen(self, page: Page) -> None:
        page.on("console", lambda message: self.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on("requestfailed", lambda request: self.append(f"{request.url}: {request.failure}"))
        page.on(
            "response", lambda answer: self.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None
        )


def open_page(browser: Browser, url: str, size: dict[str, int]) -> tuple[Page, Complaints]:
    """A window of that size on the list; it has been loaded when the heading and the answer of the API are there."""
    page = browser.new_page(viewport={"width": size["width"], "height": size["height"]})
    complaints = Complaints()
    complaints.listen(page)
    page.goto(url)
    expect(page.get_by_role("heading", name="Activities", exact=True)).to_be_visible()
    expect(page.locator("section[aria-busy=true]")).to_have_count(0)
    return page, complaints


def add_activity(page: Page, title: str) -> None:
    page.get_by_label("Title").fill(title)
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text(title, exact=True)).to_be_visible()


def test_added_activity_is_there_after_a_reload_and_in_postgresql(deployed: LabHost, browser: Browser) -> None:
    page, complaints = open_page(browser, deployed.url, DESKTOP)
    add_activity(page, "Harvest supper")
    page.reload()
    expect(page.get_by_text("Harvest supper", exact=True)).to_be_visible()
    rows = deployed.psql("select title from activities")
    clients = deployed.psql("select count(*), count(client_addr) from pg_stat_activity where usename = 'apiuser'")
    assert rows == "Harvest supper\n"
    connections, over_tcp = clients.strip().split("|")
    assert int(connections) > 0
    assert over_tcp == "0"
    assert complaints == []


def test_page_shows_release_and_slot(deployed: LabHost, browser: Browser) -> None:
    page, complaints = open_page(browser, deployed.url, DESKTOP)
    active = dict(line.split("=", 1) for line in deployed.run("cat /opt/community-tracker/active").splitlines())
    expect(page.locator("#release")).to_have_text(active["release"])
    expect(page.locator("#slot")).to_have_text(active["slot"])
    assert complaints == []


def test_deep_link_gives_the_page_and_a_missing_asset_does_not(deployed: LabHost, browser: Browser) -> None:
    page, complaints = open_page(browser, deployed.url, DESKTOP)
    page.get_by_text("Harvest supper", exact=True).click()
    expect(page.get_by_text("Harvest supper").first).to_be_visible()
    page.reload()
    expect(page.get_by_text("Harvest supper").first).to_be_visible()
    assert complaints == []
    assert page.request.get(f"{deployed.url}/assets/nothing-1a2b3c4d.js").status == 404


@pytest.mark.parametrize(("name", "size"), [("phone", PHONE), ("desktop", DESKTOP)])
def test_page_fits_the_window(deployed: LabHost, browser: Browser, name: str, size: dict[str, int]) -> None:
    page, complaints = open_page(browser, deployed.url, size)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    file: Path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=file, full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], "wider than the window"
    assert complaints == []
