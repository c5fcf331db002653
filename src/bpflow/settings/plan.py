"""The jobs of a run as a file, for `bpflow status`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from bpflow.errors import InputError

__all__ = ["write_plan"]


def write_plan(path: str | os.PathLike[str], dag: Any) -> None:
    """Write the jobs of Snakemake's plan that are timed, and whether they are needed or were done before.

    Parameters
    ----------
    path
        The file, in the folder of all logs.
    dag
        ``workflow.dag``, of which ``jobs`` and ``needrun`` are used.

    Raises
    ------
    InputError
        The results folder is read-only, or its disk is full.
    """
    final = Path(path)
    jobs = [
        {
            "job": os.path.relpath(os.path.splitext(job.log[0])[0], final.parent),
            "sample": job.wildcards_dict.get("sample"),
            "fold": job.wildcards_dict.get("fold"),
            "needed": bool(dag.needrun(job)),
        }
        for job in dag.jobs
        if job.benchmark
    ]
    content = {"stage": "plan", "jobs": sorted(jobs, key=lambda job: job["job"])}
    part = final.with_name(f".{final.name}.part")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        part.replace(final)
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})",
            where=str(final),
            expected="a results folder that has room and lets you write",
        ) from None
