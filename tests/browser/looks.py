"""One look at a page: how it was opened, what was asked of the network, and what it complained of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page

DESKTOP = (1280, 900)
PHONE = (390, 844)


@dataclass
class Look:
    """An open page with everything it asked for and complained of since."""

    page: Page
    file: Path
    size: tuple[int, int]
    dark: bool
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open_all(self) -> None:
        """Unfold everything and scroll past all figures, so that each is drawn."""
        self.page.evaluate("document.querySelectorAll('main details').forEach((item) => (item.open = true))")
        self.page.evaluate(
            """async () => {
              for (const plot of document.querySelectorAll(".plot")) {
                plot.scrollIntoView({ block: "center" });
                await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
              }
              window.scrollTo(0, 0);
            }"""
        )
        self.page.wait_for_function(
            "[...document.querySelectorAll('.plot')].every((p) => p.querySelector('.main-svg'))"
        )

    def bars(self) -> Locator:
        """The first figure with bars, drawn."""
        place = self.page.eval_on_selector_all(
            ".plot",
            "(all) => all.findIndex((plot) => (plot.data ?? JSON.parse(plot.textContent).data)[0].type === 'bar')",
        )
        plot = self.page.locator(".plot").nth(place)
        plot.scroll_into_view_if_needed()
        plot.locator(".bars .point path").first.wait_for()
        return plot

    def colour(self, selector: str, property: str) -> tuple[int, ...]:
        """Red, green and blue of an element's computed property, 0 to 255."""
        text = self.page.eval_on_selector(selector, "(item, name) => getComputedStyle(item)[name]", property)
        return tuple(int(float(part)) for part in text[text.index("(") + 1 : -1].split(",")[:3])


@contextmanager
def looks_at(browser: Browser, file: Path) -> Iterator[Callable[..., Look]]:
    """Give a function that opens `file` from disk, and close what it opened."""
    contexts = []

    def open_page(
        *, size: tuple[int, int] = DESKTOP, dark: bool = False, calm: bool = False, javascript: bool = True
    ) -> Look:
        """A narrow screen is a phone's, with fingers for a pointer; a calm reader wants nothing to move."""
        phone = size[0] < 600
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if calm else "no-preference",
            java_script_enabled=javascript,
            has_touch=phone,
            is_mobile=phone,
            device_scale_factor=1,
        )
        contexts.append(context)
        page = context.new_page()
        seen = Look(page, file, size, dark)
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("requestfailed", lambda request: seen.complaints.append(f"failed: {request.url}"))
        page.on("pageerror", lambda error: seen.complaints.append(f"error: {error}"))
        page.on("console", lambda message: seen.complaints.append(f"{message.type}: {message.text}"))
        page.goto(file.as_uri())
        return seen

    try:
        yield open_page
    finally:
        for context in contexts:
            context.close()
