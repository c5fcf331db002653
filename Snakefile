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


include: "workflow/rules/base.smk"


# That of a sister of ChromBPNet has other keys, so it is not laid over this one.
if not settings.is_sister(config):

    configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


# A sister of ChromBPNet, or ChromBPNet.
if settings.is_sister(config):

    include: "workflow/rules/sister_common.smk"
    include: "workflow/rules/sister_demo.smk"
    include: "workflow/rules/genome.smk"
    include: "workflow/rules/folds.smk"

    if SYSTEM == "basenji2":

        include: "workflow/rules/binned.smk"

    else:

        include: "workflow/rules/stranded.smk"
        include: "workflow/rules/motifs.smk"
    include: "workflow/rules/sister_report.smk"
    include: "workflow/rules/sister_targets.smk"

else:

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
    include: "workflow/rules/motifs.smk"
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
    include: "workflow/rules/targets.smk"


# For `bpflow status`.
onstart:
    settings.write_plan(f"{CONFIG['results']}/logs/plan.json", workflow.dag)


onerror:
    print(f"Which jobs failed, and why: bpflow status --results {CONFIG['results']}", file=sys.stderr)


# The whole way.
rule all:
    default_target: True
    input:
        final_files(),
