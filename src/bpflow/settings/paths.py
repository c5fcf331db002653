"""Paths of the configuration and the sheet: placeholders, and whether the file is there."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bpflow.errors import InputError

__all__ = ["existing_path", "made_by_demo", "require_plain_braces"]

#: Files that the workflow's rule ``demo_data`` makes, so that they need not exist when a run is planned.
DEMO_FILES = re.compile(
    r"demo/data/(ATAC|DNASE)/(genome\.fa\.gz|fragments\.tsv\.gz|blacklist\.bed"
    r"|truth/(truth\.json|accessibility\.bw|bias\.bw|sites\.bed|regions\.bed|variants\.vcf))"
    r"|demo/data/(procapnet|bpnet|basenji2)/(genome\.fa\.gz|truth/(truth\.json|motifs\.tsv)|reads\.bam|tracks\.tsv|[a-z.]+\.(bw|bed))"
)


def made_by_demo(path: str) -> bool:
    """Tell the demo's data, which the workflow itself makes."""
    return DEMO_FILES.fullmatch(os.path.normpath(path)) is not None


def existing_path(text: str, data: str | None, where: str, made: Callable[[str], bool], **fill: Sequence[Any]) -> str:
    """Fill ``{data}`` in a path and see that the file is there, for all values of the other placeholders."""
    for name in re.findall(r"\{([^{}]*)\}", text):
        if name != "data" and name not in fill:
            known = " or ".join(f"{{{key}}}" for key in ("data", *fill))
            raise InputError(f"{{{name}}} in {text!r}", where=where, expected=f"no placeholder but {known}")
        if name == "data" and data is None:
            raise InputError(
                f"{{data}} in {text!r}, but the config's data is not set",
                where=where,
                mend="Set data in the config",
            )
    path = os.path.normpath(text.replace("{data}", data or ""))
    if path.startswith("-"):
        raise InputError(
            f"{path!r} begins with a dash, as options do",
            where=where,
            expected="a file, seen from the working directory",
            mend="Write its path from the root, or rename it",
        )
    for name, values in fill.items():
        for value in values if f"{{{name}}}" in path else ():
            existing_path(path.replace(f"{{{name}}}", str(value)), None, where, made)
    if "{" not in path and not Path(path).is_file() and not made(path):
        kind = "a folder" if Path(path).is_dir() else "no such file"
        raise InputError(f"{kind}: {path}", where=where, expected="a file, seen from the working directory")
    return path


def require_plain_braces(checkout: str | os.PathLike[str]) -> None:
    """Stop where the project itself lies in a folder with braces, which Snakemake takes for wildcards."""
    if re.search("[{}]", str(checkout)):
        raise InputError(
            "a folder with braces in its name",
            where=str(checkout),
            expected="a path without braces to the project, which Snakemake takes for wildcards",
            mend="Move the project; folders of data and results may have any name",
        )
