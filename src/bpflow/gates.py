"""Gates: verdicts that stop a run where they fail, before more work is spent."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from bpflow.errors import InputError
from bpflow.files import read_json, stamp
from bpflow.verdicts import STAGES

__all__ = ["judge", "read_verdicts", "told"]

Verdict = dict[str, Any]

KEYS = tuple(key for keys in STAGES.values() for key in keys)


def read_verdicts(records: Sequence[str | os.PathLike[str]]) -> list[Verdict]:
    """Verdicts of the stages' records, each with its ``record``; a record without any adds none.

    Raises
    ------
    InputError
        A file is missing, or no JSON object.
    """
    return [verdict for path in records for verdict in _verdicts_of(path)]


def _verdicts_of(path: str | os.PathLike[str]) -> Iterator[Verdict]:
    content = read_json(path, "a stage's record")
    if not isinstance(content, dict):
        raise InputError(f"a JSON {type(content).__name__}", where=str(path), expected="a stage's record")
    for verdict in content.get("verdicts") or ():
        yield {"record": str(path), **verdict}


def judge(sample: str, verdicts: Sequence[Verdict], *, stop: Collection[str], page: str) -> dict[str, Any]:
    """Judge a sample by its verdicts.

    Parameters
    ----------
    sample
        Its name.
    verdicts
        What was judged, see `read_verdicts`.
    stop
        Keys of the verdicts that must not fail, among those of `bpflow.verdicts.STAGES`.
    page
        The report that shows them.

    Returns
    -------
    dict
        The gate's record: what was judged (``judged``), and the verdicts among them that failed and may (``failed``).

    Raises
    ------
    InputError
        A verdict that must not fail has failed, or a key is unknown.
    """
    unknown = [key for key in stop if key not in KEYS]
    if unknown:
        raise InputError(f"unknown key {unknown[0]!r}", where="--stop", expected=f"keys among {', '.join(KEYS)}")
    failed = [verdict for verdict in verdicts if verdict["verdict"] == "fail"]
    stopping = [verdict for verdict in failed if verdict["key"] in stop]
    if stopping:
        keys = dict.fromkeys(verdict["key"] for verdict in stopping)
        raise InputError(
            "\n  ".join(["stopped by what failed", *map(told, stopping)]),
            where=f"sample {sample!r}",
            mend=f"Look at {page}. To go on all the same, write into the configuration "
            f"gates: {{{', '.join(f'{key}: warn' for key in keys)}}}",
        )
    return stamp(
        "gate",
        sample=sample,
        page=page,
        stop=list(stop),
        judged=[{key: verdict[key] for key in ("record", "key", "value", "verdict")} for verdict in verdicts],
        failed=failed,
    )


def told(verdict: Verdict) -> str:
    """A failed verdict in a line: its key, where it is, its number, the threshold and the advice."""
    value = "not known" if verdict["value"] is None else verdict["value"]
    return (
        f"{verdict['key']} failed in {verdict['record']}: {verdict['name']} is {value}, "
        f"wanted {verdict['threshold']} ({verdict['source']}). {verdict['advice']}"
    )
