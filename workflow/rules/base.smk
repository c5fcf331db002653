# What the workflows of all models share: the package, the shell, and helpers that look things up in SAMPLES, whichever
# workflow made them.

import gc
import os
import re
import shlex
import sys
from importlib.util import find_spec
from itertools import chain, product
from pathlib import Path

ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
sys.path.insert(0, str(ROOT / "src"))

from bpflow import __version__, settings
from bpflow.errors import InputError

# Jobs of a plan stay to its end; looking through those of many samples for garbage is an eighth of planning.
gc.set_threshold(100_000, 50, 100)

# What contributions are to.
HEADS = ["counts", "profile"]


# The shell's own strict mode is lost once there is a prefix, so it is repeated here. Commands find the package beside
# this workflow, whatever the working directory; nothing of it is in params, so that moving the checkout reruns nothing.
# A scheduler sends SIGTERM to the shell too, which must then wait for a training that saves its state.
# Without isolated environments, rules run in Snakemake's own if that has the packages, else with what is on PATH.
def prepare_shell(cache, architecture=None):
    """Say what every step's shell begins with: where fetched genomes lie, and whose network is trained, if it is stated."""
    prefix = [
        "set -euo pipefail",
        "trap : TERM",
        f"export BPFLOW_ROOT={shlex.quote(str(ROOT))}",
        'export PYTHONPATH="$BPFLOW_ROOT/src"',
    ]
    if cache:
        prefix.append(f"export BPFLOW_GENOMES={shlex.quote(os.path.abspath(cache))}")
    if architecture:
        prefix.append(f"export BPFLOW_ARCHITECTURE={shlex.quote(architecture)}")
    if not workflow.deployment_settings.deployment_method and find_spec("torch"):
        prefix.append(f'export PATH={shlex.quote(os.path.dirname(sys.executable))}:"$PATH"')
    shell.prefix("; ".join(prefix).replace("{", "{{").replace("}", "}}") + "; ")


def one_of(names):
    """A wildcard's constraint: one of the names; of no names, what nothing matches."""
    return "|".join(map(re.escape, names)) or "(?!)"


def scaled(amount):
    """A resource that grows with every attempt, see --retries."""
    return lambda wildcards, attempt: amount * attempt


def configured(sample, key):
    """What the sample's configuration says of a key."""
    part = SAMPLES[sample].config
    for name in key.split("."):
        part = part[name]
    return part


def of_sample(made_of):
    """What is made of a sample, for params, inputs, resources and threads: a function only where samples differ."""
    values = [made_of(sample) for sample in SAMPLES.values()]
    # Snakemake looks for wildcards between braces. A function costs it more than the rest of a param.
    if values.count(values[0]) == len(values) and "{" not in str(values[0]):
        return values[0]
    return lambda wildcards: made_of(SAMPLES[wildcards.sample])


def setting(key, made_of=lambda value: value):
    """What is made of the value that a key has for the sample."""
    return of_sample(lambda sample: made_of(configured(sample.name, key)))


def given_file(key):
    """A file that the sample's configuration may name, as an input."""
    return setting(key, lambda path: path or [])


def option_of(name, key):
    """An option of a command, in front of an input that may be absent."""
    return setting(key, lambda value: name if value else "")


# The device is among resources, not params: models that are trained stay as they are where a run moves to a GPU. So are
# the verdicts that stop a run: what has passed a gate stays as it is.
def on_device():
    """Resources of what models do: one GPU, unless they are to run without."""
    return {"gpu": setting("device", lambda device: 0 if device == "cpu" else 1), "device": setting("device")}


def chromosome_option(wildcards):
    names = GENOME["chromosomes"]
    return ",".join(names) if isinstance(names, list) else names
