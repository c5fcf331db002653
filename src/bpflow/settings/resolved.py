"""The resolved configuration as a file, for the report."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from bpflow import __version__
from bpflow.settings.overrides import differences
from bpflow.settings.sample import Sample

__all__ = ["resolved", "write_resolved"]


def resolved(config: Mapping[str, Any], samples: Sequence[Sample]) -> dict[str, Any]:
    """The resolved configuration and the sheet's rows, each with what its sample has otherwise than the run."""
    rows = [
        {
            **{part.name: getattr(sample, part.name) for part in fields(sample)},
            "config": differences(config, sample.config),
        }
        for sample in samples
    ]
    return {"stage": "config", "version": __version__, **config, "sheet": rows}


def write_resolved(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write what `resolved` gives as JSON, for the report."""
    final = Path(path)
    part = final.with_name(f".{final.name}.part")
    part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(final)
