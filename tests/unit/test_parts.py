"""Parts of a list: together they are the whole, and what does not belong together is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.errors import InputError
from bpflow.parts import Part, in_order


@given(st.integers(0, 1000), st.integers(1, 50))
def test_parts_are_the_whole_in_order_and_of_equal_size(n, total):
    parts = [Part.parse(f"{number}/{total}") for number in range(1, total + 1)]
    rows = [row for part in parts for row in range(n)[part.rows(n)]]
    assert rows == list(range(n))
    sizes = [part.rows(n).stop - part.rows(n).start for part in parts]
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(1, 99), st.integers(0, 99))
def test_a_part_is_read_as_it_is_written(number, more):
    part = Part(number, number + more)
    assert Part.parse(str(part)) == part


@given(total=st.integers(0, 5000), parts=st.integers(1, 60), block=st.integers(1, 200))
def test_parts_are_whole_blocks(total, parts, block):
    rows = [range(*Part(number, parts).rows(total, block=block).indices(total)) for number in range(1, parts + 1)]
    assert [item for part in rows for item in part] == list(range(total))
    assert all(part.start % block == 0 for part in rows if part)
    blocks = [-(-len(part) // block) for part in rows]
    assert max(blocks) - min(blocks) <= 1


@pytest.mark.parametrize("text", ["", "1", "0/3", "4/3", "1/0", "0/0", "-1/3", "1/3/5", " 1/3", "1.0/3", "1/3\n"])
def test_other_text_is_no_part(text):
    with pytest.raises(InputError, match=r"the part .* such as 2/8"):
        Part.parse(text)


@given(st.permutations(range(1, 8)))
def test_parts_in_any_order_are_put_in_order(numbers):
    order = in_order([Part(number, 7) for number in numbers], [f"{number}.h5" for number in numbers])
    assert [numbers[index] for index in order] == list(range(1, 8))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (["1/3", "3/3"], "part 2/3 is missing. Expected all 3 parts"),
        (["2/3"], "part 1/3 is missing"),
        (["1/2", "2/2", "1/2"], r"c: part 1/2 again\. Expected it once; a is it too"),
        (["1/2", "2/3"], r"b: part 2/3\. Expected one of 2, like a"),
    ],
)
def test_parts_that_are_no_whole_are_named(parts, message):
    with pytest.raises(InputError, match=message):
        in_order([Part.parse(text) for text in parts], ["a", "b", "c"][: len(parts)])
