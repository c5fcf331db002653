from __future__ import annotations

import threading

import pytest

from bpflow.parallel import map_in_order


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_order_and_little_is_taken_ahead(threads):
    taken = []

    def items():
        for item in range(50):
            taken.append(item)
            yield item

    for number, result in enumerate(map_in_order(lambda item: item * 3, items(), threads)):
        assert result == 3 * number
        assert len(taken) <= number + threads + 1
    assert number == 49


@pytest.mark.parametrize("threads", [1, 3])
def test_the_first_error_of_the_order_is_raised_after_the_results_before_it(threads):
    later = threading.Event()

    def fail(item):
        if item == 4:
            later.set()
            raise KeyError
        if item == 3:
            # The later error comes first where there are threads.
            later.wait(0.2)
            raise ValueError
        return item

    results = []
    with pytest.raises(ValueError):  # noqa: PT011
        results.extend(map_in_order(fail, range(9), threads))
    assert results in ([0, 1, 2], [])
