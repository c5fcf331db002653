# Configuration, sample sheet and helpers of all stages.

import os
import re
import shlex
import sys
from importlib.util import find_spec
from itertools import product
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
REPORT = CONFIG["report"]
# Factors to choose among, and the samples for which one is chosen.
FACTORS = settings.candidate_factors(CONFIG)
SWEPT = [name for name, sample in SAMPLES.items() if FACTORS and not sample.bias_model]
# The device is among resources, not params: models that are trained stay as they are where a run moves to a GPU. So are
# the verdicts that stop a run: what has passed a gate stays as it is.
STOP = ",".join(settings.stopping_verdicts(CONFIG)) or "none"
GPU = 0 if CONFIG["device"] == "cpu" else 1

# What contributions are to, and of which parts of a model.
HEADS = ["counts", "profile"]
VIEWS = CONTRIBUTIONS["views"]

# What there is of a sample's bias model.
BIAS_FILES = [
    *("regions/bias_peaks.narrowPeak", "regions/bias_nonpeaks.narrowPeak", "regions/bias_selection.json"),
    *("models/bias.safetensors", "models/bias.history.tsv", "models/bias.json"),
]

# Models under the names of the official program's files, and under ours.
OFFICIAL_WEIGHTS = {
    "bias": "bias",
    "bias_model_scaled": "bias_scaled",
    "chrombpnet": "chrombpnet",
    "chrombpnet_nobias": "chrombpnet_nobias",
}

# The shell's own strict mode is lost once there is a prefix, so it is repeated here. Commands find the package beside
# this workflow, whatever the working directory; nothing of it is in params, so that moving the checkout reruns nothing.
# A scheduler sends SIGTERM to the shell too, which must then wait for a training that saves its state.
# Without isolated environments, rules run in Snakemake's own if that has the packages, else with what is on PATH.
prefix = [
    "set -euo pipefail",
    "trap : TERM",
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
    factor=one_of(map(str, FACTORS)),
    model="bias|chrombpnet",
    page="qc|bias|model|report",
    gate="qc|bias|model",
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


def candidate_files(file):
    """One file of each candidate's bias model, by factor and then by fold."""
    return collect(
        "<results>/{{sample}}/fold_{fold}/bias_sweep/{factor}/{file}",
        factor=FACTORS,
        fold=FOLDS,
        file=file,
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
        "title": lambda wildcards: REPORT["title"],
        "pdf": lambda wildcards, output: f"--pdf {output.pdf}" if "pdf" in output.keys() else "",
    }


def printed_report():
    """The whole report as a PDF, if one is asked for."""
    if not REPORT["pdf"]:
        return {}
    pdf = report(
        "<results>/report.pdf",
        caption="../report/report.rst",
        category="Reports",
        labels={"page": "Whole run, to print"},
    )
    return {"pdf": pdf}


def fold_files(samples, folds, files):
    return collect("<results>/{sample}/fold_{fold}/{file}", sample=samples, fold=folds, file=files)


def qc_files(samples, folds):
    """What the report says before anything is trained."""
    return [
        "<results>/genome/genome.json",
        "<results>/folds/folds.json",
        *collect("<results>/{sample}/{file}", sample=samples, file=["signal/signal.json", "peaks/peaks.json"]),
        *fold_files(samples, folds, ["regions/nonpeaks.json", "regions/chrombpnet_selection.json"]),
        # Where a factor is chosen, which takes training, the selection is known after that.
        *fold_files(
            [name for name in samples if name not in SWEPT],
            folds,
            ["regions/bias_selection.json"],
        ),
    ]


def bias_files(samples, folds):
    """What it says of bias models. One from the sheet was trained elsewhere."""
    trained = [name for name in samples if not SAMPLES[name].bias_model]
    return [
        *fold_files(trained, folds, ["models/bias.json", "models/bias.history.tsv"]),
        *fold_files(samples, folds, ["evaluation/bias_metrics.json", "evaluation/bias_regions.tsv.gz"]),
        *collect("<results>/{sample}/bias_choice/choice.json", sample=[name for name in samples if name in SWEPT]),
    ]


def model_files(samples, folds):
    """What it says of ChromBPNets; footprints of several folds are averaged."""
    files = [
        "models/bias_scaled.json",
        "models/chrombpnet.json",
        "models/chrombpnet.history.tsv",
        "evaluation/chrombpnet_metrics.json",
        "evaluation/chrombpnet_regions.tsv.gz",
        "evaluation/footprints.json",
        *(["evaluation/recovery.json"] if CONFIG["truth"] else []),
    ]
    mean = ["mean/footprints.json"] if len(folds) > 1 else []
    return fold_files(samples, folds, files) + collect("<results>/{sample}/{file}", sample=samples, file=mean)


def use_files(samples, folds):
    """What it says of what models are used for: tracks, and records of contributions, motifs, loci and given variants."""
    files = collect("mean/contributions/{view}/contributions.json", view=VIEWS)
    files += collect("mean/motifs/{view}/{head}/motifs.json", view=VIEWS, head=HEADS)
    files += ["variants/variants.json"] if VARIANTS["file"] else []
    files += ["loci/loci.json"] if REPORT["loci"] or REPORT["peaks_shown"] else []
    together = ["<results>/comparison.json"] if len(samples) > 1 else []
    return [*track_files(samples), *collect("<results>/{sample}/{file}", sample=samples, file=files), *together]


# The pages of a sample, in the order in which they are made; each says what those before it say, and more.
PAGES = {"qc": qc_files, "bias": bias_files, "model": model_files, "report": use_files}


def page_files(page, samples):
    """All that a page is made of."""
    upto = list(PAGES)[: list(PAGES).index(page) + 1]
    return [file for name in upto for file in PAGES[name](samples, FOLDS)]


def gate_records(wildcards):
    """Records of the stage that a gate judges, in one fold."""
    files = PAGES[wildcards.gate]([wildcards.sample], [wildcards.fold])
    # The regions of ChromBPNet are no reason to train the bias model anew.
    return [file for file in files if file.endswith(".json") and "chrombpnet_selection" not in file]


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


def track_files(samples):
    """Tracks over the peaks of each sample."""
    return collect(
        "<results>/{sample}/tracks/{combine}/{track}.bw",
        sample=samples,
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


def browser_files():
    """What genome browsers open, over the tracks of all samples."""
    return ["<results>/browser/hub.txt", "<results>/browser/igv_session.xml"]


def variant_files():
    """Scores of the given variants, if any are given."""
    if not VARIANTS["file"]:
        return []
    names = ["variants.tsv.gz", "variants.vcf.gz", "variants.json", *(["figures"] if VARIANTS["top"] else [])]
    return collect("<results>/{sample}/variants/{file}", sample=SAMPLES, file=names)
