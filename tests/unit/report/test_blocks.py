"""What tables show, and what their cells are sorted by."""

from __future__ import annotations

from bpflow.report.blocks import MOST_ROWS, Badge, table


def test_numbers_carry_what_they_are_sorted_by_and_texts_do_not():
    made = table("Jobs", {"rule": "t", "time": "n", "verdict": "t"}, [("9 lives", "3 min 05 s", Badge("good"))])
    assert made.cells == [[("t", "9 lives", None), ("n", "3 min 05 s", 185.0), ("t", Badge("good"), None)]]


def test_a_long_table_is_cut_and_says_where_all_of_it_is():
    rows = [(f"{index:,}",) for index in range(MOST_ROWS + 1)]
    whole = table("Variants", {"place": "n"}, rows[:-1])
    assert (len(whole.cells), whole.cut) == (MOST_ROWS, "")
    cut = table("Variants", {"place": "n"}, rows, whole="variants/variants.tsv.gz")
    assert len(cut.cells) == MOST_ROWS
    assert cut.cut == "The first 1,000 of 1,001 rows. All are in variants/variants.tsv.gz."
    assert table("Variants", {"place": "n"}, rows).cut == "The first 1,000 of 1,001 rows."
