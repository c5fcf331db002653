# Configuration, sample sheet and helpers of all stages of ChromBPNet.

try:
    settings.require_plain_braces(ROOT)
    SCHEMA = settings.load_schema(ROOT / "workflow/schemas/config.schema.yaml")
    CONFIG = settings.resolve_config(config, SCHEMA)
    SAMPLES = settings.read_samples(
        CONFIG["samples"],
        settings.load_schema(ROOT / "workflow/schemas/samples.schema.yaml"),
        CONFIG,
        config_of=settings.overriding(config, SCHEMA),
    )
except InputError as error:
    raise WorkflowError(str(error)) from None

FOLDS = CONFIG["folds"]["run"]
# Folds stay as they are where samples come or go, so that no other sample is trained anew.
FOLDS_MADE_FOR = settings.samples_of_folds(CONFIG["results"]) or list(SAMPLES)
GENOME, REPORT = CONFIG["genome"], CONFIG["report"]
prepare_shell(GENOME["cache"])
# Files of a genome that is known by name.
FETCHED = settings.fetched_files(CONFIG)
# Those whose ChromBPNets are trained too.
MODELLED = [name for name, sample in SAMPLES.items() if sample.train == "all"]
# Bias threshold factors that a sample chooses among, and the samples that do.
FACTORS = {name: settings.candidate_factors(sample.config) for name, sample in SAMPLES.items()}
SWEPT = [name for name, sample in SAMPLES.items() if FACTORS[name] and sample.trains_bias]
# Samples that share their peaks, by the name of the set.
PEAK_SETS = {
    peak_set: [name for name, sample in SAMPLES.items() if sample.peak_set == peak_set]
    for peak_set in dict.fromkeys(sample.peak_set for sample in SAMPLES.values() if sample.peak_set)
}

# Samples whose predictions or contributions of a fold are divided among several jobs, and then gathered.
DIVIDED = {
    step: [name for name, sample in SAMPLES.items() if sample.config[step]["parts"] > 1]
    for step in ("predictions", "contributions")
}
# One of the clusters of each row of single cells, by the row's name.
CELLS = {sample.cells: sample for sample in SAMPLES.values() if sample.cells}

# Snakemake takes its time over every input, so these, of which all regions are made, are inputs where that is done alone.
# Elsewhere they are params, like the folder in which a gate finds the records that it judges.
GENOME_FILE, FOLD_FILE = (f"{CONFIG['results']}/{name}" for name in ("genome/genome.json", "folds/fold_{fold}.json"))

# What there is of a sample's bias model.
BIAS_FILES = [
    *("regions/bias_peaks.narrowPeak", "regions/bias_nonpeaks.narrowPeak", "regions/bias_selection.json"),
    *("models/bias.safetensors", "models/bias.history.tsv", "models/bias.json"),
]

# Models with a ChromBPNet under the names of the official program's files, and under ours; the bias model is "bias" in both.
OFFICIAL_WEIGHTS = {
    "bias_model_scaled": "bias_scaled",
    "chrombpnet": "chrombpnet",
    "chrombpnet_nobias": "chrombpnet_nobias",
}


def undivided(step):
    """Samples whose step is one job in each fold."""
    return [name for name in SAMPLES if name not in DIVIDED[step]]


pathvars:
    results=CONFIG["results"],
    logs=f"{CONFIG['results']}/logs",
    benchmarks=f"{CONFIG['results']}/benchmarks",


wildcard_constraints:
    sample=one_of(SAMPLES),
    fold=one_of(map(str, range(CONFIG["folds"]["n"]))),
    factor=one_of(sorted({str(factor) for factors in FACTORS.values() for factor in factors})),
    peak_set=one_of(PEAK_SETS),
    model="bias|chrombpnet",
    page="qc|bias|model|report",
    combine="crossfit|mean",
    view="corrected|bias",
    head="|".join(HEADS),
    part=r"[1-9]\d*",


def parts_of(pattern, key, **wildcards):
    """The parts of what is divided among jobs, as many as a key of the sample's configuration says."""
    return lambda own: collect(pattern, part=range(1, configured(own.sample, key) + 1), **wildcards)


def stopping():
    """Verdicts that end a run where they fail, as a resource of the steps behind a gate."""
    return setting("gates", lambda gates: ",".join(settings.stopping_verdicts(gates)) or "none")


def results_folder(wildcards):
    """Where a gate finds the records that it judges; as plain text, Snakemake's linter would take it for a mistake."""
    return CONFIG["results"]


def given_or(made, given):
    """What the sheet gives a sample, else what is made here; a function only where something is given."""
    if not any(map(given, SAMPLES.values())):
        return made
    return lambda wildcards: given(SAMPLES[wildcards.sample]) or made


def signal_of():
    """The sample's bigWig: the sheet's, or the one made of its reads."""
    return given_or("<results>/{sample}/signal/insertions.bw", lambda sample: sample.signal)


def bias_model_of():
    """The bias model of a sample and fold: the sheet's, or the one trained here, for it or for another sample."""
    trained = "<results>/{sample}/fold_{fold}/models/bias.safetensors"
    if all(sample.trains_bias for sample in SAMPLES.values()):
        return trained
    return lambda wildcards: (
        SAMPLES[wildcards.sample].bias_model_for(wildcards.fold)
        or trained.replace("{sample}", SAMPLES[wildcards.sample].bias_from or wildcards.sample)
    )


def clusters_of(row):
    """Fragment files of the clusters of single cells."""
    return [sample.reads[0] for sample in SAMPLES.values() if sample.cells == row]


def candidate_files(file):
    """One file of each candidate's bias model, by factor and then by fold."""
    return lambda wildcards: collect(
        "<results>/{sample}/fold_{fold}/bias_sweep/{factor}/{file}",
        sample=wildcards.sample,
        factor=FACTORS[wildcards.sample],
        fold=FOLDS,
        file=file,
    )


def assay_of():
    return of_sample(lambda sample: sample.assay)


def peaks_given_to(wildcards):
    """Peaks that are not called: those a sample shares with others, or the sheet's."""
    sample = SAMPLES[wildcards.sample]
    return f"{CONFIG['results']}/peak_sets/{sample.peak_set}.narrowPeak" if sample.peak_set else sample.peaks or []


def replicate_reads(wildcards):
    return SAMPLES[wildcards.sample].reads[int(wildcards.replicate)]


def replicate_shift(wildcards):
    """The shift that this read file carries: the sheet gives one for all, or one for each."""
    shifts = SAMPLES[wildcards.sample].shifts
    return shifts[int(wildcards.replicate) if len(shifts) > 1 else 0]


def replicate_signals(wildcards):
    """One bigWig for each read file where peaks are called and replicates must agree on them."""
    sample = SAMPLES[wildcards.sample]
    if sample.peaks or sample.config["peaks"]["reproducible"] != "replicates":
        return []
    return [
        f"{CONFIG['results']}/{wildcards.sample}/signal/replicates/{number}.bw" for number in range(len(sample.reads))
    ]


def inference_params():
    return {"genome": GENOME_FILE, "precision": setting("precision"), "batch_size": setting("training.batch_size")}


def training_params(tower):
    """Parameters that both trainings share; a new version of the package trains anew."""
    recipe = ("training.epochs", "training.patience", "training.batch_size", "training.learning_rate")
    size = ("model.input_length", "model.output_length", f"model.{tower}.filters", f"model.{tower}.layers")
    return {
        "genome": GENOME_FILE,
        "fold": FOLD_FILE,
        "results": results_folder,
        **{key.split(".")[-1]: setting(key) for key in (*recipe, *size, "seed", "precision")},
        "allow_cpu": option_of("--allow-cpu", "model.allow_cpu"),
        "version": __version__,
    }


def report_params(samples):
    return {
        "samples": samples,
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


def fold_models(names):
    """A sample's models of all folds."""
    return collect("<results>/{{sample}}/fold_{fold}/models/{name}.safetensors", fold=FOLDS, name=names)


def fold_weights(names):
    """A sample's models of all folds, as files of the official program."""
    return collect("<results>/{{sample}}/fold_{fold}/models/{name}.h5", fold=FOLDS, name=names)


def fold_files(samples, files):
    return collect("<results>/{sample}/fold_{fold}/{file}", sample=samples, fold=FOLDS, file=files)


# Pages are made of many records, and need the last of each line of steps: what that is made of is made before it.
def qc_files(samples):
    """What a page needs that goes as far as the regions."""
    # Where a factor is chosen, which takes training, the selection is known after that.
    unswept = [name for name in samples if name not in SWEPT]
    return [
        *fold_files(samples, ["regions/chrombpnet_selection.json"]),
        *fold_files(unswept, ["regions/bias_selection.json"]),
    ]


def bias_files(samples):
    """What it needs as far as bias models."""
    return fold_files(samples, ["regions/chrombpnet_selection.json", "evaluation/bias_metrics.json"])


def model_files(samples):
    """What it needs as far as ChromBPNets; footprints of several folds are averaged."""
    simulated = [name for name in samples if SAMPLES[name].config["truth"]]
    mean = ["mean/footprints.json"] if len(FOLDS) > 1 else []
    return [
        *fold_files(samples, ["evaluation/bias_metrics.json", "evaluation/chrombpnet_metrics.json"]),
        *fold_files(simulated, ["evaluation/recovery.json"]),
        *collect("<results>/{sample}/{file}", sample=samples, file=mean),
    ]


def used_files(samples):
    """A file of each step that models are used for."""
    shown = REPORT["loci"] or REPORT["peaks_shown"]
    return [
        *track_files(samples),
        *of_views("<results>/{sample}/mean/motifs/{view}/{head}/motifs.json", samples, head=HEADS),
        *collect("<results>/{sample}/variants/variants.json", sample=with_variants(samples)),
        *(collect("<results>/{sample}/loci/loci.json", sample=samples) if shown else []),
    ]


def of_views(pattern, samples, **wildcards):
    """A file of each part of the models that is explained, the samples' configurations saying which."""
    return [
        path
        for name in samples
        for path in collect(pattern, sample=name, view=SAMPLES[name].config["contributions"]["views"], **wildcards)
    ]


def with_variants(samples):
    """Samples whose variants are scored."""
    return [name for name in samples if SAMPLES[name].config["variants"]["file"]]


def report_files(samples):
    """What it needs that says all."""
    return [*model_files(samples), *used_files(samples)]


# The pages of a sample; each says what those before it say, and more.
PAGES = {"qc": qc_files, "bias": bias_files, "model": model_files, "report": report_files}


def judged_bias():
    """What the gate before ChromBPNet judges, beside what is made with the inputs of its training."""
    metrics = "<results>/{sample}/fold_{fold}/evaluation/bias_metrics.json"
    if all(sample.trains_bias for sample in SAMPLES.values()):
        return ancient(metrics)
    # Behind a job that has to run, Snakemake sees no change of a training's own unless another input is made anew too.
    return lambda wildcards: ancient(metrics) if SAMPLES[wildcards.sample].trains_bias else metrics


def judged_models(folds):
    """What the gate behind ChromBPNet judges; simulated samples are held against the truth too."""
    metrics = collect("<results>/{{sample}}/fold_{fold}/evaluation/chrombpnet_metrics.json", fold=folds)
    recovery = collect("<results>/{{sample}}/fold_{fold}/evaluation/recovery.json", fold=folds)
    if not any(sample.config["truth"] for sample in SAMPLES.values()):
        return ancient(metrics)
    return ancient(lambda wildcards: metrics + recovery if configured(wildcards.sample, "truth") else metrics)


def official_files():
    """Trained models as files of the official program. A bias model from the sheet is there already."""
    wanted = [name for name, sample in SAMPLES.items() if sample.config["official_h5"]]
    return [
        *fold_files([name for name in wanted if SAMPLES[name].trains_bias], ["models/bias.h5"]),
        *fold_files([name for name in wanted if name in MODELLED], ["models/chrombpnet.h5"]),
    ]


def region_tables(sample):
    """A sample's evaluated regions, fold by fold."""
    return [f"{CONFIG['results']}/{sample}/fold_{fold}/evaluation/chrombpnet_regions.tsv.gz" for fold in FOLDS]


def track_files(samples):
    """A track of each sample; the others are made with it."""
    return collect("<results>/{sample}/tracks/{combine}/corrected.bw", sample=samples, combine=["crossfit", "mean"])


def mutagenesis_files():
    """Mutagenesis over all folds, of the samples that ask for it."""
    mutated = [name for name in MODELLED if SAMPLES[name].config["mutagenesis"]["regions"]]
    return collect("<results>/{sample}/mean/mutagenesis.h5", sample=mutated)


def final_files():
    """What a run ends with."""
    return [
        "<results>/qc.html",
        "<results>/report.html",
        *collect("<results>/{sample}/report.html", sample=MODELLED),
        *collect("<results>/{sample}/bias.html", sample=[name for name in SAMPLES if name not in MODELLED]),
        *used_files(MODELLED),
        *mutagenesis_files(),
        *official_files(),
        "<results>/browser/hub.txt",
    ]
