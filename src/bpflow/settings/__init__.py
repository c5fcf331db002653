"""The workflow's configuration and sample sheet: defaults, checks and messages that name the key or the row.

Read by Snakemake's own Python while it parses the workflow, so only the standard library, PyYAML and jsonschema
(which Snakemake itself needs) are imported here.
"""

from bpflow.settings.config import PRESETS, candidate_factors, resolve_config, stopping_verdicts, threshold_factor
from bpflow.settings.genomes import fetched_files
from bpflow.settings.made_folds import samples_of_folds
from bpflow.settings.overrides import laid_over, overriding, read_keys
from bpflow.settings.paths import made_by_demo, require_plain_braces
from bpflow.settings.plan import write_plan
from bpflow.settings.resolved import resolved, write_resolved
from bpflow.settings.sample import Sample
from bpflow.settings.schema import load_schema, schema_keys
from bpflow.settings.sheet import read_samples
from bpflow.settings.sisters import (
    SisterSample,
    Task,
    is_sister,
    read_sister_samples,
    resolve_sister_config,
    resolved_sisters,
    track_files,
)

__all__ = [
    "PRESETS",
    "Sample",
    "SisterSample",
    "Task",
    "candidate_factors",
    "fetched_files",
    "is_sister",
    "laid_over",
    "load_schema",
    "made_by_demo",
    "overriding",
    "read_keys",
    "read_samples",
    "read_sister_samples",
    "require_plain_braces",
    "resolve_config",
    "resolve_sister_config",
    "resolved",
    "resolved_sisters",
    "samples_of_folds",
    "schema_keys",
    "stopping_verdicts",
    "threshold_factor",
    "track_files",
    "write_plan",
    "write_resolved",
]
