"""Options that several commands share, and the checks of their values."""

from __future__ import annotations

import argparse
import math

__all__ = [
    "HelpFormatter",
    "add_genome",
    "add_seed",
    "even_length",
    "fraction",
    "non_negative_float",
    "non_negative_int",
    "positive_float",
    "positive_int",
]


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Help that states defaults, where there are any."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        none = action.default is None or action.default is False or action.default == []
        return action.help if none else super()._get_help_string(action)


def add_genome(parser: argparse.ArgumentParser) -> None:
    """Add ``--genome``, a FASTA or an encoded genome."""
    parser.add_argument(
        "--genome", required=True, metavar="FILE", help="genome.json of 'bpflow genome' (fast) or a FASTA"
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add ``--seed``."""
    parser.add_argument("--seed", type=non_negative_int, default=1234, help="seed of all random draws")


def positive_int(text: str) -> int:
    """Parse an integer of 1 or more."""
    return _number(text, int, lambda value: value > 0, "a whole number of 1 or more")


def non_negative_int(text: str) -> int:
    """Parse an integer of 0 or more."""
    return _number(text, int, lambda value: value >= 0, "a whole number of 0 or more")


def even_length(text: str) -> int:
    """Parse a window length: even, so that it has the same number of bases on both sides of a centre."""
    return _number(text, int, lambda value: value > 0 and value % 2 == 0, "an even number of bases")


def positive_float(text: str) -> float:
    """Parse a finite number above 0."""
    return _number(text, float, lambda value: math.isfinite(value) and value > 0, "a number above 0")


def non_negative_float(text: str) -> float:
    """Parse a finite number of 0 or more."""
    return _number(text, float, lambda value: math.isfinite(value) and value >= 0, "a number of 0 or more")


def fraction(text: str) -> float:
    """Parse a number from 0 to 1."""
    return _number(text, float, lambda value: 0 <= value <= 1, "a number from 0 to 1")


def _number(text, kind, accepted, expected):
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not accepted(value):
        raise argparse.ArgumentTypeError(f"{text!r} found, {expected} expected")
    return value
