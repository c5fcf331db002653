"""Gates: verdicts that stop a run where they fail, before more work is spent."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bpflow.errors import InputError
from bpflow.report.run import Check
from bpflow.verdicts import STAGES

__all__ = ["check_keys", "stopped", "told"]

KEYS = tuple(key for keys in STAGES.values() for key in keys)


def check_keys(stop: Collection[str]) -> None:
    """Stop with an `InputError` at a key that no verdict has, see `bpflow.verdicts.STAGES`."""
    unknown = [key for key in stop if key not in KEYS]
    if unknown:
        raise InputError(f"unknown key {unknown[0]!r}", where="--stop", expected=f"keys among {', '.join(KEYS)}")


def stopped(sample: str, failed: Sequence[Check], *, page: str) -> InputError:
    """What a closed gate says.

    Parameters
    ----------
    sample
        Its name.
    failed
        Verdicts that failed and must not.
    page
        The report that shows them.
    """
    keys = dict.fromkeys(check.key for check in failed)
    return InputError(
        "\n  ".join(["stopped by what failed", *map(told, failed)]),
        where=f"sample {sample!r}",
        mend=f"Look at {page}. To go on all the same, write into the configuration "
        f"gates: {{{', '.join(f'{key}: warn' for key in keys)}}}",
    )


def told(check: Check) -> str:
    """A failed verdict in a line: its key, its fold if it is of one, its number, the threshold and the advice."""
    value = "not known" if check.value is None else check.value
    fold = "" if check.fold is None else f" in fold {check.fold}"
    return (
        f"{check.key} failed{fold}: {check.name} is {value}, wanted {check.threshold} ({check.source}). {check.advice}"
    )
