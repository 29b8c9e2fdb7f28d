"""Pages under test: a result with every verdict in it, and a browser that says what it saw."""

import shutil
from contextlib import contextmanager
from html.parser import HTMLParser

import pytest

READY = "() => document.documentElement.dataset.ready === 'yes'"


def chromium():
    """Where a Chromium is, if one is installed."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def browser():
    """A headless Chromium, started; the test is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if chromium() is None:
        pytest.skip("no chromium is installed; on Debian: apt-get install chromium")
    with playwright.sync_playwright() as play:
        started = play.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


class Seen:
    """A page opened in a browser, with all that it logged and asked for."""

    def __init__(self, started, url, width=1200, scheme="light"):
        self.context = started.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.logged, self.asked = [], []
        self.page.on("console", lambda message: self.logged.append(message.text))
        self.page.on("pageerror", lambda error: self.logged.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.go(url)

    def go(self, url):
        self.page.goto("about:blank")
        self.asked.clear()
        self.page.goto(url)
        self.page.wait_for_function(READY)

    def draw(self):
        """Bring every chart near, and wait for it."""
        for place in self.page.query_selector_all(".chart"):
            place.scroll_into_view_if_needed()
            self.page.wait_for_function("chart => chart.querySelector('.main-svg')", arg=place)

    def address(self):
        return self.page.evaluate("location.href")

    def texts(self, selector):
        return [text.strip() for text in self.page.locator(selector).all_text_contents()]


@contextmanager
def opened(started, url, **how):
    seen = Seen(started, url, **how)
    try:
        yield seen
    finally:
        seen.context.close()


class Outline(HTMLParser):
    """Tags with their attributes, and the text of each kind of tag."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.inside, self.text = [], [], {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside.append(tag)

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data):
        for tag in set(self.inside):
            self.text[tag] = self.text.get(tag, "") + data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


FOCUSABLE = "a[href], button, input, select, summary, [tabindex='0']"


def unreached(seen):
    """What can be used by mouse, and that Tab does not come to."""
    page = seen.page
    page.evaluate(
        """(focusable) => { let at = 0; for (const one of document.querySelectorAll(focusable))
        if (one.checkVisibility({ visibilityProperty: true }) && !one.closest('.chart')) one.dataset.at = at++ }""",
        FOCUSABLE,
    )
    wanted = set(page.evaluate("[...document.querySelectorAll('[data-at]')].map((one) => one.dataset.at)"))
    reached = set()
    for _ in range(len(wanted) + 5):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement?.dataset?.at"))
    return wanted - reached
