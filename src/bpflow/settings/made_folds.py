"""For which samples the folds of a run were made."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["samples_of_folds"]


def samples_of_folds(results: str) -> list[str]:
    """Samples whose peaks the folds in a results folder were balanced by; none where there are no folds yet.

    None either where a sample's peaks are gone, since such folds cannot be made again.
    """
    folder = Path(results)
    try:
        names = json.loads((folder / "folds/folds.json").read_text(encoding="utf-8")).get("samples", [])
    except (OSError, ValueError, AttributeError):
        return []
    return names if all((folder / name / "peaks/peaks.narrowPeak").exists() for name in names) else []
