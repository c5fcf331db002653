"""Colours by what they stand for: the Okabe-Ito set, which readers with any colour vision can tell apart.

Figures name the light colour; the page's script puts the dark one in its place where the reader prefers dark.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["BASES", "DARK", "ROLES", "Role"]


class Role(NamedTuple):
    """A meaning's colour on a light and on a dark page."""

    light: str
    dark: str


ROLES = {
    "observed": Role("#6b7785", "#9aa7b4"),
    "corrected": Role("#0072b2", "#56b4e9"),
    "bias": Role("#d55e00", "#f08c3c"),
    "with_bias": Role("#b0568c", "#e0a0c8"),
    "peaks": Role("#0073b3", "#57b5ea"),
    "nonpeaks": Role("#e69f00", "#f0b53c"),
    "train": Role("#0074b4", "#58b6eb"),
    "valid": Role("#d65f00", "#f18d3d"),
    "mark": Role("#009e73", "#8be8c6"),
}

DARK = {role.light: role.dark for role in ROLES.values()}

BASES = {"A": "#009e73", "C": "#0072b2", "G": "#e69f00", "T": "#d55e00"}
