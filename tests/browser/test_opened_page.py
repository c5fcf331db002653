"""Each page in a real browser: it needs no network, leads where it says, and can be read by everybody."""

from __future__ import annotations

import re
import subprocess

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from looks import DESKTOP, PHONE, Look
from PIL import Image
from playwright.sync_api import expect

from bpflow.report.palette import ROLES

pytestmark = pytest.mark.system

# Pixels of a screenshot's height: a picture that can still be looked at.
TILE = 4000


def test_everything_opens_from_disk_without_a_request_or_a_complaint(whole):
    assert [url for url in whole.requests if not url.startswith(("data:", "blob:"))] == [whole.file.as_uri()]
    assert whole.complaints == []
    assert whole.page.locator(".plot .main-svg").count() >= whole.page.locator(".plot").count() > 0


def test_axe_finds_no_barrier(whole):
    found = Axe().run(whole.page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [
        (item["impact"], item["id"], node["html"][:200], node["failureSummary"])
        for item in found
        for node in item["nodes"]
    ] == []


def test_the_page_scrolls_down_and_never_sideways(whole):
    width = whole.size[0]
    assert whole.page.evaluate("document.documentElement.scrollWidth") <= width
    beyond = whole.page.evaluate(
        """(width) => [...document.querySelectorAll("main *")]
          .filter((item) => !item.closest(".scroll, pre, svg, .plot, .unseen") && item.getClientRects().length)
          .filter((item) => item.getBoundingClientRect().right > width + 0.5)
          .map((item) => item.outerHTML.slice(0, 100))""",
        width,
    )
    assert beyond == []


def test_screenshots_show_figures_in_their_colours(whole, screenshots):
    width, height = whole.size
    name = f"{whole.file.stem}-{width}-{'dark' if whole.dark else 'light'}"
    page = whole.page
    page.set_viewport_size({"width": width, "height": TILE})
    colours = set()
    for place, top in enumerate(range(0, page.evaluate("document.documentElement.scrollHeight"), TILE)):
        page.evaluate("(top) => window.scrollTo(0, top)", top)
        path = screenshots / f"{name}-{place:02d}.png"
        page.screenshot(path=path)
        picture = Image.open(path).convert("RGB")
        assert picture.size == (width, TILE)
        colours |= {colour for _, colour in picture.getcolors(1 << 24)}
    page.set_viewport_size({"width": width, "height": height})
    for role in ("peaks", "nonpeaks", "observed"):
        assert rgb(ROLES[role][whole.dark]) in colours, role


def rgb(shade: str) -> tuple[int, ...]:
    return tuple(int(shade[start : start + 2], 16) for start in (1, 3, 5))


def test_the_policy_refuses_foreign_scripts_and_the_network(look):
    page = look().page
    page.evaluate(
        """() => {
          window.refused = [];
          document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
          document.body.append(Object.assign(document.createElement("script"), { textContent: "window.foreign = 1" }));
          document.body.append(Object.assign(new Image(), { src: "http://localhost/picture.png" }));
        }"""
    )
    page.wait_for_function("refused.length >= 2")
    assert page.evaluate("window.foreign") is None
    assert {"script-src-elem", "img-src"} <= set(page.evaluate("refused"))


def in_view(seen: Look, identity: str) -> bool:
    return seen.page.evaluate(
        "(id) => { const top = document.getElementById(id).getBoundingClientRect().top;"
        " return top > -5 && top < window.innerHeight / 2 }",
        identity,
    )


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_contents_lead_to_sections_and_back(look, size):
    seen = look(size=size)
    page = seen.page
    phone = size == PHONE
    for identity in page.eval_on_selector_all("nav a", "(links) => links.map((link) => link.hash.slice(1))")[1:8:3]:
        if phone:
            assert not page.locator("nav ul").first.is_visible()
            page.locator("nav summary").tap()
        before = page.evaluate("window.scrollY")
        page.locator(f'nav a[href="#{identity}"]').click()
        page.wait_for_function("(y) => window.scrollY !== y", arg=before)
        assert in_view(seen, identity), identity
        if phone:
            assert not page.locator("nav ul").first.is_visible()
        heading = page.locator(f"#{identity}-heading")
        assert heading.is_visible()
        assert heading.bounding_box()["y"] >= page.locator("nav").bounding_box()["height"] * phone
    last = page.evaluate("location.hash")
    page.go_back()
    page.wait_for_function("(hash) => location.hash !== hash", arg=last)
    assert in_view(seen, page.evaluate("location.hash.slice(1)"))
    assert seen.complaints == []


def test_the_contents_mark_the_section_that_is_read(desk):
    page = desk.page
    # One without sections of its own, which would be marked in its place.
    identity = page.eval_on_selector_all("nav li:not(:has(ul)) > a", "(links) => links[2].hash.slice(1)")
    page.evaluate("(id) => document.getElementById(id).scrollIntoView()", identity)
    page.wait_for_selector(f'nav a[href="#{identity}"][aria-current]')
    assert page.locator("nav a[aria-current]").count() == 1


def test_a_figure_names_what_is_under_the_pointer(desk):
    plot = desk.bars()
    box = plot.locator(".bars .point path").first.bounding_box()
    desk.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=3)
    label = plot.locator(".hoverlayer .hovertext").first
    label.wait_for()
    assert re.search(r"\d", label.text_content())
    desk.page.mouse.move(0, 0)


def test_folded_details_open_by_mouse_and_keyboard(desk):
    page = desk.page
    folded = page.locator("main details:not(details details)").first
    summary = folded.locator("summary").first
    assert not folded.evaluate("(item) => item.open")
    summary.click()
    assert folded.evaluate("(item) => item.open")
    summary.press("Enter")
    assert not folded.evaluate("(item) => item.open")


def luminance(colour: tuple[int, ...]) -> float:
    """Relative luminance of WCAG 2."""
    parts = [part / 255 for part in colour]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_dark_mode_changes_the_page_and_what_is_drawn(look):
    seen = look()
    page = seen.page
    colour = "(all) => all.map((item) => item.style.fill)"
    bars = seen.bars().locator(".bars .point path")
    drawn = bars.evaluate_all(colour)
    light = {name: seen.colour("body", name) for name in ("backgroundColor", "color")}
    assert luminance(light["backgroundColor"]) > 0.8
    page.emulate_media(color_scheme="dark")
    expect(bars.first).not_to_have_css("fill", drawn[0])
    assert not set(bars.evaluate_all(colour)) & set(drawn)
    dark = {name: seen.colour("body", name) for name in ("backgroundColor", "color")}
    assert luminance(dark["backgroundColor"]) < 0.02
    for colours in (light, dark):
        low, high = sorted(map(luminance, colours.values()))
        assert (high + 0.05) / (low + 0.05) > 7


def test_nothing_moves_by_itself(look):
    page = look(calm=True).page
    page.locator("nav a").nth(3).click()
    assert page.evaluate("document.getAnimations().length") == 0
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


def test_without_javascript_all_but_figures_is_there(look, desk):
    page = look(javascript=False).page
    assert page.locator("noscript p.overall").is_visible()
    for selector in ("main section", "main table", "main tbody tr", "nav a"):
        assert page.locator(selector).count() == desk.page.locator(selector).count() > 0, selector
    assert page.locator("nav a").first.is_visible()
    folded = page.locator("main details").first
    folded.locator("summary").first.click()
    assert folded.locator("table, ul, pre").first.is_visible()


def test_on_paper_everything_is_open_and_nothing_is_cut(look, tmp_path):
    page = look(dark=True).page
    page.locator(".plot").first.wait_for()
    captions = page.locator("main caption").all_text_contents()
    file = tmp_path / "page.pdf"
    page.pdf(path=file, prefer_css_page_size=True)
    words = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True).stdout
    text = " ".join(words.split())
    missing = [caption for caption in captions if squeezed(caption) not in squeezed(text)]
    assert missing == []
    assert "Contents" not in words.split("\n")[0]
    subprocess.run(["pdftoppm", "-r", "40", "-png", file, tmp_path / "sheet"], check=True)
    sheets = [np.asarray(Image.open(path).convert("RGB")).astype(int) for path in sorted(tmp_path.glob("sheet*.png"))]
    assert len(sheets) > 3
    for sheet in sheets:
        # Paper is white to its edges, so that nothing reaches past them.
        assert all((edge > 250).all() for edge in (sheet[:8], sheet[-8:], sheet[:, :8], sheet[:, -8:]))
    blue = np.array(rgb(ROLES["corrected"].light))
    assert sum((abs(sheet - blue).max(axis=2) < 30).sum() for sheet in sheets) > 100


def test_paper_is_as_wide_as_the_figures_were_drawn_for(look):
    sheet = 718  # pixels of A4's 190 mm between the margins
    page = look(size=(sheet, 900)).page
    page.emulate_media(media="print")
    page.evaluate("document.querySelectorAll('main details').forEach((item) => (item.open = true))")
    page.evaluate("document.documentElement.classList.add('printing')")
    # A browser that finds something wider makes the whole page smaller.
    wide = page.eval_on_selector_all(
        "main table, main pre, main dl, main svg.logo",
        "(all, sheet) => all.filter((item) => item.getBoundingClientRect().right > sheet + 1)"
        ".map((item) => item.textContent.trim().slice(0, 60))",
        sheet,
    )
    assert wide == []


def squeezed(text: str) -> str:
    """Letters and digits alone: a PDF's text has no sure place for spaces and ligatures."""
    return re.sub(r"\W+", "", text)
