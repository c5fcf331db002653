"""Stopping in good order when asked to: SIGTERM of a scheduler at its time limit, Ctrl-C of a person."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

from bpflow.errors import BpflowError

__all__ = ["StopRequest", "StoppedError", "stop_request"]

SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Signals this close together are one request.
ECHO_SECONDS = 3.0


class StoppedError(BpflowError, RuntimeError):
    """Work was stopped by a signal, and what is needed to go on was kept.

    Parameters
    ----------
    signal_number
        The signal.
    kept
        What was kept and how to go on, as a sentence.
    """

    def __init__(self, signal_number: int, kept: str) -> None:
        # What a shell reports of a process that a signal ended.
        self.exit_code = 128 + signal_number
        super().__init__(f"stopped by {signal.Signals(signal_number).name}. {kept}")


class StopRequest:
    """Whether a signal has asked to stop; work looks here when it can.

    Attributes
    ----------
    signal_number
        The signal; 0 while there was none.
    """

    def __init__(self) -> None:
        self.signal_number = 0


@contextlib.contextmanager
def stop_request() -> Iterator[StopRequest]:
    """While the block runs, a first SIGTERM or SIGINT is only noted; a later one acts as usual.

    A signal that was ignored before, as SIGINT is by a shell's background jobs, stays so. Outside the main thread,
    where Python allows no signal handlers, nothing is ever noted.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: handler for number, handler in handlers.items() if handler != signal.SIG_IGN}

    noted = 0.0

    def note(number: int, _: FrameType | None) -> None:
        nonlocal noted
        # A scheduler may signal a process and its parent, which passes it on: that is one request.
        if request.signal_number and time.monotonic() - noted > ECHO_SECONDS:
            signal.signal(number, before[signal.Signals(number)])
            os.kill(os.getpid(), number)
        elif not request.signal_number:
            request.signal_number, noted = number, time.monotonic()

    for number in before:
        signal.signal(number, note)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
