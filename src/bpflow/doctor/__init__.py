"""Checks of a machine and a configuration before a long run: one module for each group of checks."""

from __future__ import annotations

from collections.abc import Iterator

from bpflow.doctor.device import check_device
from bpflow.doctor.estimate import check_time, estimate_work
from bpflow.doctor.finding import Finding
from bpflow.doctor.inputs import check_inputs
from bpflow.doctor.jobs import check_jobs, plan_jobs, profile_executor
from bpflow.doctor.machine import check_disk, check_machine, check_memory
from bpflow.doctor.names import check_names
from bpflow.doctor.run_settings import RunSettings, load_run
from bpflow.doctor.software import check_software, installed

__all__ = ["Finding", "RunSettings", "examine", "load_run"]


def examine(run: RunSettings, *, profile: str | None = None) -> Iterator[Finding]:
    """Check everything, group by group.

    Parameters
    ----------
    run
        What the run is asked for, of `load_run`.
    profile
        Folder of the Snakemake profile that is meant; None runs on this machine.

    Raises
    ------
    InputError
        There is no such profile.
    """
    executor = profile_executor(profile)
    elsewhere = executor not in (None, "local", "dryrun")
    plan = plan_jobs(run, profile=profile) if installed("snakemake") else None
    yield from check_software(executor=executor)
    yield from check_machine()
    if plan and plan.largest_mb and not elsewhere:
        yield check_memory(plan.largest_mb)
    yield check_device(run.config, elsewhere=elsewhere)
    yield from check_inputs(run)
    yield from check_names(run)
    if plan is None:
        return
    yield check_jobs(plan)
    work = estimate_work(run, plan)
    yield check_disk(run.config["results"], work.disk)
    yield from check_time(run, work, elsewhere=elsewhere)
