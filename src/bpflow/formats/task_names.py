"""Names of a BPNet's tasks where a file holds none."""

from __future__ import annotations

from bpflow.models import BPNetConfig

__all__ = ["usual_task_names"]


def usual_task_names(tasks: int) -> tuple[str, ...]:
    """Those of the published BPNet where there are as many, as MultiMolecule names them, else numbers; "" of one."""
    published = BPNetConfig.published().tasks
    if tasks == 1:
        return ("",)
    return published if tasks == len(published) else tuple(f"task_{task}" for task in range(tasks))
