# Configuration, sample sheet and helpers of all stages.

import os
import re
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
sys.path.insert(0, str(ROOT / "src"))

from bpflow import __version__, settings
from bpflow.errors import InputError

try:
    CONFIG = settings.resolve_config(config, settings.load_schema(ROOT / "workflow/schemas/config.schema.yaml"))
    SAMPLES = settings.read_samples(
        CONFIG["samples"],
        settings.load_schema(ROOT / "workflow/schemas/samples.schema.yaml"),
        CONFIG,
    )
except InputError as error:
    raise WorkflowError(str(error)) from None

FOLDS = CONFIG["folds"]["run"]
GENOME, PEAKS, NONPEAKS = CONFIG["genome"], CONFIG["peaks"], CONFIG["nonpeaks"]
MODEL, TRAINING = CONFIG["model"], CONFIG["training"]
CONTRIBUTIONS, MOTIFS = CONFIG["contributions"], CONFIG["motifs"]
VARIANTS = CONFIG["variants"]
# The device is among resources, not params: models that are trained stay as they are where a run moves to a GPU.
GPU = 0 if CONFIG["device"] == "cpu" else 1

# What contributions are to, and of which parts of a model.
HEADS = ["counts", "profile"]
VIEWS = CONTRIBUTIONS["views"]

# Models under the names of the official program's files, and under ours.
OFFICIAL_WEIGHTS = {
    "bias": "bias",
    "bias_model_scaled": "bias_scaled",
    "chrombpnet": "chrombpnet",
    "chrombpnet_nobias": "chrombpnet_nobias",
}

# The shell's own strict mode is lost once there is a prefix, so it is repeated here. Commands find the package beside
# this workflow, whatever the working directory; nothing of it is in params, so that moving the checkout reruns nothing.
# Without isolated environments, rules run in Snakemake's own if that has the packages, else with what is on PATH.
prefix = [
    "set -euo pipefail",
    f"export BPFLOW_ROOT={shlex.quote(str(ROOT))}",
    'export PYTHONPATH="$BPFLOW_ROOT/src"',
]
if not workflow.deployment_settings.deployment_method and find_spec("torch"):
    prefix.append(f'export PATH={shlex.quote(os.path.dirname(sys.executable))}:"$PATH"')
shell.prefix("; ".join(prefix).replace("{", "{{").replace("}", "}}") + "; ")


def one_of(names):
    """A wildcard's constraint: one of the names; of no names, what nothing matches."""
    return "|".join(map(re.escape, names)) or "(?!)"


pathvars:
    results=CONFIG["results"],
    logs=f"{CONFIG['results']}/logs",
    benchmarks=f"{CONFIG['results']}/benchmarks",


wildcard_constraints:
    sample=one_of(SAMPLES),
    fold=one_of(map(str, range(CONFIG["folds"]["n"]))),
    model="bias|chrombpnet",
    combine="crossfit|mean",
    view="corrected|bias",
    head="|".join(HEADS),
    official="|".join(OFFICIAL_WEIGHTS),
    part=r"[1-9]\d*",


def scaled(amount):
    """A resource that grows with every attempt, see --retries."""
    return lambda wildcards, attempt: amount * attempt


def signal_of(wildcards):
    """The sample's bigWig: the sheet's, or the one made of its reads."""
    return SAMPLES[wildcards.sample].signal or f"{CONFIG['results']}/{wildcards.sample}/signal/insertions.bw"


def bias_model_of(wildcards):
    """The bias model of a sample and fold: the sheet's, or the one trained here."""
    return SAMPLES[wildcards.sample].bias_model_for(wildcards.fold) or (
        f"{CONFIG['results']}/{wildcards.sample}/fold_{wildcards.fold}/models/bias.safetensors"
    )


def model_of_official_name(wildcards):
    name = OFFICIAL_WEIGHTS[wildcards.official]
    return f"{CONFIG['results']}/{wildcards.sample}/fold_{wildcards.fold}/models/{name}.safetensors"


def assay_of(wildcards):
    return SAMPLES[wildcards.sample].assay


def replicate_reads(wildcards):
    return SAMPLES[wildcards.sample].reads[int(wildcards.replicate)]


def replicate_shift(wildcards):
    """The shift that this read file carries: the sheet gives one for all, or one for each."""
    shifts = SAMPLES[wildcards.sample].shifts
    return shifts[int(wildcards.replicate) if len(shifts) > 1 else 0]


def replicate_signals(wildcards):
    """One bigWig for each read file where peaks are called and replicates must agree on them."""
    sample = SAMPLES[wildcards.sample]
    if sample.peaks or PEAKS["reproducible"] != "replicates":
        return []
    return [
        f"{CONFIG['results']}/{wildcards.sample}/signal/replicates/{number}.bw" for number in range(len(sample.reads))
    ]


def chromosome_option(wildcards):
    names = GENOME["chromosomes"]
    return ",".join(names) if isinstance(names, list) else names


def inference_params():
    return {"precision": CONFIG["precision"], "batch_size": TRAINING["batch_size"]}


def training_params(tower):
    """Parameters that both trainings share; a new version of the package trains anew."""
    recipe = {key: TRAINING[key] for key in ("epochs", "patience", "batch_size", "learning_rate")}
    lengths = {key: MODEL[key] for key in ("input_length", "output_length")}
    return {
        **recipe,
        **lengths,
        **MODEL[tower],
        "seed": CONFIG["seed"],
        "precision": CONFIG["precision"],
        "allow_cpu": "--allow-cpu" if MODEL["allow_cpu"] else "",
        "version": __version__,
    }


def report_params():
    return {
        "samples": list(SAMPLES),
        "folds": FOLDS,
        # A function, because braces in a plain param are taken for wildcards.
        "title": lambda wildcards: CONFIG["report"]["title"],
        "pdf": lambda wildcards, output: f"--pdf {output.pdf}" if "pdf" in output.keys() else "",
    }


def printed_report():
    """The whole report as a PDF, if one is asked for."""
    if not CONFIG["report"]["pdf"]:
        return {}
    pdf = report(
        "<results>/report.pdf",
        caption="../report/report.rst",
        category="Reports",
        labels={"page": "Whole run, to print"},
    )
    return {"pdf": pdf}


def qc_files():
    """What the report says before anything is trained."""
    return [
        "<results>/genome/genome.json",
        "<results>/folds/folds.json",
        *collect(
            "<results>/{sample}/{file}",
            sample=SAMPLES,
            file=["signal/signal.json", "peaks/peaks.json"],
        ),
        *collect(
            "<results>/{sample}/fold_{fold}/regions/{stage}.json",
            sample=SAMPLES,
            fold=FOLDS,
            stage=["nonpeaks", "bias_selection", "chrombpnet_selection"],
        ),
    ]


def model_files():
    """What the report says of trained models. A bias model from the sheet was trained elsewhere."""
    trained = [name for name, sample in SAMPLES.items() if not sample.bias_model]
    files = [
        "models/bias_scaled.json",
        "models/chrombpnet.json",
        "models/chrombpnet.history.tsv",
        "evaluation/bias_metrics.json",
        "evaluation/bias_regions.tsv.gz",
        "evaluation/chrombpnet_metrics.json",
        "evaluation/chrombpnet_regions.tsv.gz",
        "evaluation/footprints.json",
        *(["evaluation/recovery.json"] if CONFIG["truth"] else []),
    ]
    pattern = "<results>/{sample}/fold_{fold}/{file}"
    return [
        *collect(pattern, sample=SAMPLES, fold=FOLDS, file=files),
        *collect(
            pattern,
            sample=trained,
            fold=FOLDS,
            file=["models/bias.json", "models/bias.history.tsv"],
        ),
    ]


def official_files():
    """Trained models as files of the official program. A bias model from the sheet is there already."""
    return [
        f"<results>/{name}/fold_{fold}/models/{official}.h5"
        for name, sample in SAMPLES.items()
        for fold in FOLDS
        for official in (OFFICIAL_WEIGHTS if CONFIG["official_h5"] else ())
        if official != "bias" or not sample.bias_model
    ]


def region_tables(sample):
    """A sample's evaluated regions, fold by fold."""
    return [f"{CONFIG['results']}/{sample}/fold_{fold}/evaluation/chrombpnet_regions.tsv.gz" for fold in FOLDS]


def mean_records():
    """What the report says of all folds together: footprints of several, contributions, motifs, given variants."""
    files = ["mean/footprints.json"] if len(FOLDS) > 1 else []
    files += collect("mean/contributions/{view}/contributions.json", view=VIEWS)
    files += collect("mean/motifs/{view}/{head}/motifs.json", view=VIEWS, head=HEADS)
    files += ["variants/variants.json"] if VARIANTS["file"] else []
    together = ["<results>/comparison.json"] if len(SAMPLES) > 1 else []
    return [*collect("<results>/{sample}/{file}", sample=SAMPLES, file=files), *together]


def track_files():
    """Tracks over the peaks of each sample."""
    return collect(
        "<results>/{sample}/tracks/{combine}/{track}.bw",
        sample=SAMPLES,
        combine=["crossfit", "mean"],
        track=["observed", "with_bias", "bias", "corrected"],
    )


def mean_files():
    """What all folds say together: contributions and motifs; footprints of several folds; mutagenesis if asked for."""
    files = ["footprints.h5", "footprints.json"] if len(FOLDS) > 1 else []
    files += ["mutagenesis.h5"] if CONFIG["mutagenesis"]["regions"] else []
    files += collect("contributions/{view}/{head}.bw", view=VIEWS, head=HEADS)
    files += collect("motifs/{view}/{head}/{file}", view=VIEWS, head=HEADS, file=["motifs.json", "instances.bed.gz"])
    return collect("<results>/{sample}/mean/{file}", sample=SAMPLES, file=files)


def variant_files():
    """Scores of the given variants, if any are given."""
    if not VARIANTS["file"]:
        return []
    names = ["variants.tsv.gz", "variants.vcf.gz", "variants.json", *(["figures"] if VARIANTS["top"] else [])]
    return collect("<results>/{sample}/variants/{file}", sample=SAMPLES, file=names)
