"""The resolved configuration as a file, for the report."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bpflow import __version__
from bpflow.settings.sheet import Sample

__all__ = ["write_resolved"]


def write_resolved(path: str | os.PathLike[str], config: Mapping[str, Any], samples: Sequence[Sample]) -> None:
    """Write the resolved configuration and the sheet's rows as JSON, for the report."""
    content = {
        "stage": "config",
        "version": __version__,
        **config,
        "sheet": [asdict(sample) for sample in samples],
    }
    final = Path(path)
    part = final.with_name(f".{final.name}.part")
    part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(final)
