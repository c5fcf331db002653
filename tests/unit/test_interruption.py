from __future__ import annotations

import os
import signal
import threading

import pytest

from bpflow import interruption
from bpflow.interruption import StoppedError, stop_request


@pytest.fixture(autouse=True)
def usual_handler():
    """Where tests run in a shell's background, SIGINT is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_signal_that_was_ignored_stays_so():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stop_request() as request:
        os.kill(os.getpid(), signal.SIGINT)
        assert request.signal_number == 0
        os.kill(os.getpid(), signal.SIGTERM)
        assert request.signal_number == signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_first_signal_is_only_noted(number):
    before = signal.getsignal(number)
    with stop_request() as request:
        assert request.signal_number == 0
        os.kill(os.getpid(), number)
        assert request.signal_number == number
        # Its echo from a parent changes nothing.
        os.kill(os.getpid(), signal.SIGINT)
        assert request.signal_number == number
    assert signal.getsignal(number) == before


def test_a_later_signal_acts_as_usual(monkeypatch):
    monkeypatch.setattr(interruption, "ECHO_SECONDS", -1.0)
    with stop_request():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_outside_the_main_thread_signals_are_left_alone():
    seen = []

    def work():
        with stop_request() as request:
            seen.append((signal.getsignal(signal.SIGTERM), request.signal_number))

    thread = threading.Thread(target=work)
    before = signal.getsignal(signal.SIGTERM)
    thread.start()
    thread.join()
    assert seen == [(before, 0)]


def test_the_exit_status_is_that_of_a_process_ended_by_the_signal():
    error = StoppedError(signal.SIGTERM, "Kept.")
    assert error.exit_code == 143
    assert str(error) == "stopped by SIGTERM. Kept."
