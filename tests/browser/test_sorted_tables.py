"""Tables in a real browser: sorted by their headers, filtered by words and by verdicts, by mouse and by keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from bpflow.report.blocks import Table, table
from bpflow.report.page import WORDS, environment

pytestmark = pytest.mark.system

# Each column in ascending order; what is absent comes last.
ODD = {
    "text": ["chr1", "chr2", "chr10", "Chr11", "—"],
    "count": ["−1,234", "−0.500", "0", "1,234", "—"],
    "share": ["0.0001 %", "12 %", "98.7 %", "100 %", "—"],
    "time": ["4.2 s", "59 s", "3 min 05 s", "2 h 07 min", "—"],
    "memory": ["900 MiB", "1.2 GiB", "3 GiB", "12 GiB", "—"],
    "tiny": ["9.10e−7", "0.000325", "1.00", "∞", "—"],
    "equal": ["1", "1", "1", "1", "1"],
}
SHUFFLED = (3, 4, 0, 2, 1)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def show(page: Page, made: Table) -> Locator:
    """The table as the report's templates and script set it."""
    template = environment().from_string("{% from 'macros.html.j2' import table with context %}{{ table(item) }}")
    script = files("bpflow.report").joinpath("templates/tables.js").read_text(encoding="utf-8")
    page.set_content(f"<main>{template.render(item=made, words=WORDS)}</main><script>{script}</script>")
    return page.locator("main table")


def column(shown: Locator, number: int) -> list[str]:
    return shown.locator(f"tbody tr:not([hidden]) > :nth-child({number + 1})").all_inner_texts()


def odd_table() -> Table:
    rows = [[values[place] for values in ODD.values()] for place in SHUFFLED]
    return table("Odd values", {name: "t" if name == "text" else "n" for name in ODD}, rows)


@pytest.mark.parametrize("name", [name for name in ODD if name != "equal"])
def test_a_header_sorts_up_then_down_then_back(page, name):
    shown = show(page, odd_table())
    number, ascending = list(ODD).index(name), ODD[name]
    header = shown.locator("thead th").nth(number)
    before = column(shown, number)
    assert before != ascending
    for order, expected in (
        ("ascending", ascending),
        ("descending", [*ascending[-2::-1], "—"]),
        (None, before),
    ):
        header.get_by_role("button").click()
        assert header.get_attribute("aria-sort") == order
        assert column(shown, number) == expected


def test_equal_rows_keep_their_order_and_one_column_is_sorted_at_a_time(page):
    shown = show(page, odd_table())
    headers = shown.locator("thead th")
    before = column(shown, 0)
    headers.nth(1).get_by_role("button").click()
    headers.nth(list(ODD).index("equal")).get_by_role("button").click()
    assert column(shown, 0) == before
    assert headers.evaluate_all("(all) => all.map((item) => item.ariaSort)")[:-1] == [None] * (len(ODD) - 1)


def test_a_header_is_reached_and_pressed_by_keys(page):
    shown = show(page, odd_table())
    # First the table, which scrolls by arrows, then its headers.
    for key in ("Tab", "Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    assert column(shown, 1) == ODD["count"]
    page.keyboard.press("Space")
    assert column(shown, 1)[0] == "1,234"


def numbered(size: int) -> Table:
    rows = [(f"job {index}", f"{index:,}") for index in range(size)]
    return table("Jobs", {"job": "t", "number": "n"}, rows)


@pytest.mark.parametrize(("size", "buttons", "boxes"), [(3, 0, 0), (4, 2, 0), (10, 2, 0), (11, 2, 1)])
def test_short_tables_are_left_in_peace(page, size, buttons, boxes):
    show(page, numbered(size))
    assert page.get_by_role("button").count() == buttons
    assert page.get_by_role("searchbox").count() == boxes


def test_a_filter_keeps_rows_with_all_words_and_counts_them(page):
    shown = show(page, numbered(340))
    box = page.get_by_label("Filter", exact=True)
    status = page.get_by_role("status")
    expect(status).to_have_text("340 rows")
    box.fill("JOB 33")
    assert column(shown, 0) == ["job 33", "job 133", "job 233", *(f"job {number}" for number in range(330, 340))]
    expect(status).to_have_text("13 of 340 rows")
    shown.get_by_role("button", name="number").click(click_count=2)
    assert column(shown, 0)[0] == "job 339"
    box.fill("nothing like it")
    expect(status).to_have_text("0 of 340 rows")
    box.fill("")
    assert len(column(shown, 0)) == 340


def verdicts(rows: Sequence[str]) -> list[str]:
    return sorted({row.split()[1] for row in rows})


def test_checks_are_filtered_by_verdict(desk):
    page = desk.page
    tools = page.get_by_role("group", name="Filter: Checks")
    shown = page.locator("table.verdicts")
    place = [text.split()[0] for text in shown.locator("thead th").all_inner_texts()].index("fold")
    everything = column(shown, place)
    assert verdicts(everything) == ["check", "fail", "good"]
    fail, check = (tools.get_by_role("button", name=name) for name in ("fail", "check"))
    fail.click()
    assert fail.get_attribute("aria-pressed") == "true"
    assert verdicts(column(shown, place)) == ["fail"]
    check.click()
    assert verdicts(column(shown, place)) == ["check", "fail"]
    tools.get_by_role("searchbox").fill("counts")
    assert verdicts(column(shown, place)) == ["check"]
    tools.get_by_role("searchbox").fill("")
    fail.click()
    check.click()
    assert column(shown, place) == everything


def test_checks_are_sorted_by_verdict(desk):
    shown = desk.page.locator("table.verdicts")
    place = [text.split()[0] for text in shown.locator("thead th").all_inner_texts()].index("fold")
    header = shown.locator("thead th").nth(place).get_by_role("button")
    before = column(shown, place)
    header.click()
    words = [row.split()[1] for row in column(shown, place)]
    assert words == sorted(words, key=["good", "check", "fail"].index)
    assert words[0] == "good"
    header.click()
    header.click()
    assert column(shown, place) == before
