"""Errors that a user can cause: shown as one message, exit code 2, no traceback."""

from __future__ import annotations

__all__ = ["BpflowError", "DeviceError", "InputError"]


class BpflowError(Exception):
    """Base of all errors that the command line reports without a traceback.

    Attributes
    ----------
    exit_code
        What the command line ends with.
    """

    exit_code: int = 2


class InputError(BpflowError, ValueError):
    """An input file, region or option that cannot be used.

    Parameters
    ----------
    found
        What was found, as a phrase.
    where
        The file, line, region or key it was found in.
    expected
        What was expected instead.
    mend
        What the user can do about it.
    """

    def __init__(
        self,
        found: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        mend: str | None = None,
    ) -> None:
        self.found, self.where, self.expected, self.mend = found, where, expected, mend
        text = f"{where}: {found}" if where else found
        sentences = [text, expected and f"Expected {expected}", mend]
        super().__init__(" ".join(s.rstrip(".") + "." for s in sentences if s))


class DeviceError(BpflowError, RuntimeError):
    """A device or precision was asked for that this machine does not have."""
