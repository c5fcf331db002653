"""The locus browser: what is in view is told and drawn, by buttons, keys, names and places."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.system

WHOLE = "chrIV:9,001-9,300"


@pytest.fixture
def loci(look):
    """The first locus browser of the page, drawn."""
    page = look().page
    root = page.locator("[data-loci]").first
    root.scroll_into_view_if_needed()
    root.locator("[data-plot] .main-svg").first.wait_for()
    return root


def view(loci) -> tuple[int, int]:
    """First and last base in view, as the page tells them."""
    first, last = re.search(r":([\d,]+)-([\d,]+):", loci.locator("[data-view]").text_content()).groups()
    return int(first.replace(",", "")), int(last.replace(",", ""))


def drawn(loci) -> tuple[float, float]:
    """Ends of the x axis as it is drawn."""
    return tuple(loci.locator("[data-plot]").evaluate("(plot) => plot._fullLayout.xaxis.range"))


def press(loci, action: str) -> None:
    loci.locator(f'[data-action="{action}"]').click()


def test_buttons_zoom_and_pan_within_the_locus(loci):
    assert WHOLE in loci.locator("[data-view]").text_content()
    assert view(loci) == (9001, 9300)
    press(loci, "zoom-in")
    first, last = view(loci)
    assert (last - first + 1, first + last) == (150, 9001 + 9300)
    assert drawn(loci) == pytest.approx((first - 0.5, last + 0.5))
    press(loci, "right")
    assert view(loci) == (first + 60, last + 60)
    press(loci, "right")
    assert view(loci) == (9151, 9300), "the end of the locus is the end of the view"
    press(loci, "left")
    press(loci, "zoom-out")
    assert view(loci) == (9001, 9300)
    for _ in range(8):
        press(loci, "zoom-in")
    assert view(loci)[1] - view(loci)[0] + 1 == 20
    press(loci, "whole")
    assert drawn(loci) == pytest.approx((9000.5, 9300.5))


def test_keys_do_what_buttons_do(loci):
    loci.locator("[data-plot]").focus()
    loci.page.keyboard.press("+")
    first, last = view(loci)
    assert last - first + 1 == 150
    loci.page.keyboard.press("ArrowLeft")
    assert view(loci) == (first - 60, last - 60)
    loci.page.keyboard.press("0")
    assert view(loci) == (9001, 9300)


def test_the_wheel_zooms_where_it_points(loci):
    box = loci.locator("[data-plot] .nsewdrag").first.bounding_box()
    loci.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    loci.page.mouse.wheel(0, -300)
    expect(loci.locator("[data-view]")).not_to_contain_text(": 300 of")
    first, last = view(loci)
    assert 9001 < first < last < 9300


def test_contributions_become_letters_where_they_can_be_read(loci):
    letters = "(plot) => plot.data.filter((trace) => trace.fill === 'toself').length"
    plot = loci.locator("[data-plot]")
    assert plot.evaluate(letters) == 0
    press(loci, "zoom-in")
    press(loci, "zoom-in")
    assert plot.evaluate(letters) == 8, "four bases, in contributions and in the sequence"


def test_loci_are_found_by_name_and_place(loci):
    place, message = loci.locator("[data-place]"), loci.locator("[data-message]")
    place.fill("chrIV:1,101-1,150")
    place.press("Enter")
    assert view(loci) == (1101, 1150)
    assert loci.locator("[data-locus]").evaluate("(list) => list.selectedOptions[0].text").startswith("chrIV:1,001")
    place.fill("gal1")
    press(loci, "go")
    assert view(loci) == (9001, 9300)
    assert message.text_content() == ""
    place.fill("chrV:1-100")
    press(loci, "go")
    assert "is not in this page" in message.text_content()
    assert view(loci) == (9001, 9300)
    loci.locator("[data-locus]").select_option(index=1)
    assert view(loci) == (1001, 1300)
    assert message.text_content() == ""
