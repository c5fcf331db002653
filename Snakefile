# bpflow: reads and a genome in, bias-corrected models of chromatin accessibility and a report out.
#
# Outputs lie under <results>, the configuration's key "results":
#   genome/, folds/                                          once a run
#   peak_sets/                                               once a set of peaks that samples share
#   browser/                                                 once a run, over all samples
#   {cells}/clusters/                                        once a row of single cells
#   {sample}/{signal,peaks,tracks,loci,variants}/            once a sample
#   {sample}/{mean,bias_choice}/                             once a sample, over its folds
#   {sample}/fold_{fold}/{regions,models,predictions,evaluation}/  once a sample and fold
#   {sample}/{qc,bias,model,report}.html                     once a sample
#   qc.html, report.html, config.json, logs/, benchmarks/

from snakemake.utils import min_version

min_version("9.19")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/demo.smk"
include: "workflow/rules/genome.smk"
include: "workflow/rules/cells.smk"
include: "workflow/rules/signal.smk"
include: "workflow/rules/folds.smk"
include: "workflow/rules/regions.smk"
include: "workflow/rules/bias.smk"
include: "workflow/rules/chrombpnet.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/interpretation.smk"
include: "workflow/rules/contributions.smk"
include: "workflow/rules/report.smk"


# Snakemake compares each input with the outputs of all rules, so those that no sample needs are left out.
if DIVIDED["predictions"]:

    include: "workflow/rules/divided_predictions.smk"


if DIVIDED["contributions"]:

    include: "workflow/rules/divided_contributions.smk"


if SWEPT:

    include: "workflow/rules/bias_sweep.smk"


if with_variants(SAMPLES):

    include: "workflow/rules/variants.smk"


# For `bpflow status`.
onstart:
    settings.write_plan(f"{CONFIG['results']}/logs/plan.json", workflow.dag)


onerror:
    print(f"Which jobs failed, and why: bpflow status --results {CONFIG['results']}", file=sys.stderr)


# The whole way.
rule all:
    default_target: True
    input:
        "<results>/qc.html",
        "<results>/report.html",
        collect("<results>/{sample}/report.html", sample=MODELLED),
        collect("<results>/{sample}/bias.html", sample=[name for name in SAMPLES if name not in MODELLED]),
        used_files(MODELLED),
        mutagenesis_files(),
        official_files(),
        "<results>/browser/hub.txt",


# Signal and regions with a first report, before anything is trained.
rule qc:
    input:
        "<results>/qc.html",
        collect("<results>/{sample}/qc.html", sample=SAMPLES),


# Bias models and their metrics.
rule bias:
    input:
        collect(
            "<results>/{sample}/fold_{fold}/evaluation/bias_metrics.json",
            sample=SAMPLES,
            fold=FOLDS,
        ),
        collect("<results>/{sample}/bias.html", sample=SAMPLES),


# All models.
rule train:
    input:
        collect(
            "<results>/{sample}/fold_{fold}/models/{model}.safetensors",
            sample=MODELLED,
            fold=FOLDS,
            model=["bias_scaled", "chrombpnet", "chrombpnet_nobias"],
        ),
        official_files(),
