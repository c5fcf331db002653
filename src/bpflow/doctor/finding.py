"""What a check found: a grade, words, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Grade"]

Grade = Literal["good", "check", "fail"]


@dataclass(frozen=True)
class Finding:
    """One line of the table.

    Attributes
    ----------
    group
        What it is about: machine, device, software, inputs, names, jobs or estimate.
    name
        What was looked at.
    grade
        ``good``; ``check`` where a person should look; ``fail`` where a run would fail or mislead.
    found
        What was found, in words.
    advice
        What to do about it; empty where nothing is.
    """

    group: str
    name: str
    grade: Grade
    found: str
    advice: str = ""
