"""Numbers as a reader wants them: thousands separators, three significant digits, a dash for nothing."""

from __future__ import annotations

import math
import re
import sys
from typing import Any

__all__ = ["ABSENT", "duration", "mebibytes", "number", "percent", "plain", "signed", "sort_value"]

ABSENT = "—"

TIMES = {"s": 1, "min": 60, "h": 3600}
UNITS = {**TIMES, "%": 1, "MiB": 1, "GiB": 1024}
QUANTITY = re.compile(r"([+−-]?)(\d[\d,]*(?:\.\d+)?(?:e[+−-]?\d+)?|∞)(?:\s?(min|s|h|%|MiB|GiB))?(?!\w)\s?")


def number(value: Any) -> str:
    """A count in full with separators, any other number with three significant digits.

    Parameters
    ----------
    value
        An integer, a float, or None; None, NaN and texts that are no number are passed on readably.
    """
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value or ABSENT
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if not math.isfinite(value):
        return ABSENT if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 999.5:
        text = f"{value:,.0f}"
    elif size >= 0.0001:
        decimals = max(0, 2 - math.floor(math.log10(float(f"{size:.3g}"))))
        text = f"{value:.{decimals}f}"
    else:
        mantissa, exponent = f"{value:.2e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−")


def signed(value: Any) -> str:
    """A number that always shows its sign, as a shift or an effect."""
    text = number(value)
    return f"+{text}" if isinstance(value, int | float) and value > 0 else text


def percent(part: Any, whole: Any = 1) -> str:
    """`part` of `whole` in per cent with three significant digits; a dash when either is missing."""
    if part is None or not whole:
        return ABSENT
    share = 100 * part / whole
    return f"{number(int(share) if share == int(share) else share)} %"


def duration(seconds: Any) -> str:
    """Seconds as a person would say them: 4.2 s, 3 min 05 s, 2 h 07 min."""
    if seconds is None or not math.isfinite(seconds):
        return ABSENT
    if seconds < 59.95:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60:02d} min"


def mebibytes(value: Any) -> str:
    """Memory given in MiB (as Snakemake's benchmark tables), in GiB when large."""
    if value is None or not math.isfinite(value):
        return ABSENT
    return f"{value / 1024:.3g} GiB" if value >= 1000 else f"{value:.3g} MiB"


def plain(value: Any) -> str:
    """Any JSON value as a short text, numbers as they were set: lists joined, objects as ``key value`` pairs."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(item)}" for key, item in value.items()) or ABSENT
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value) or ABSENT
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.10g}"
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else number(value)


def sort_value(text: str) -> float | None:
    """What a text made by these functions is sorted by: the number it begins with, of times in s, of memory in MiB.

    Returns
    -------
    float or None
        None for a text that does not begin with a number.
    """
    total, end = None, 0
    while found := QUANTITY.match(text, end):
        sign, digits, unit = found.groups()
        size = sys.float_info.max if digits == "∞" else float(digits.replace(",", "").replace("−", "-"))
        total = (total or 0.0) + (-size if sign in ("−", "-") else size) * UNITS.get(unit, 1)
        end = found.end()
        # Only times have a second part: 3 min 05 s.
        if unit not in TIMES:
            break
    return total
