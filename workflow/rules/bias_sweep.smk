# Where several threshold factors are candidates: a bias model of each, judged on validation chromosomes, and the choice.


use rule select_bias as select_candidate with:
    output:
        peaks="<results>/{sample}/fold_{fold}/bias_sweep/{factor}/regions/bias_peaks.narrowPeak",
        nonpeaks="<results>/{sample}/fold_{fold}/bias_sweep/{factor}/regions/bias_nonpeaks.narrowPeak",
        qc="<results>/{sample}/fold_{fold}/bias_sweep/{factor}/regions/bias_selection.json",
    log:
        "<logs>/select_candidate/{sample}.{factor}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/select_candidate/{sample}.{factor}.fold_{fold}.tsv"
    wildcard_constraints:
        sample=one_of(SWEPT),
    params:
        factor="{factor}",


use rule train_bias as train_candidate with:
    input:
        signal=signal_of(),
        nonpeaks="<results>/{sample}/fold_{fold}/bias_sweep/{factor}/regions/bias_nonpeaks.narrowPeak",
        selection="<results>/{sample}/fold_{fold}/bias_sweep/{factor}/regions/bias_selection.json",
    output:
        model="<results>/{sample}/fold_{fold}/bias_sweep/{factor}/models/bias.safetensors",
        history="<results>/{sample}/fold_{fold}/bias_sweep/{factor}/models/bias.history.tsv",
        qc="<results>/{sample}/fold_{fold}/bias_sweep/{factor}/models/bias.json",
    log:
        "<logs>/train_candidate/{sample}.{factor}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/train_candidate/{sample}.{factor}.fold_{fold}.tsv"
    wildcard_constraints:
        sample=one_of(SWEPT),


# All candidates on the same regions: the non-peaks that each is trained on are fewer, the lower its factor.
use rule evaluate_bias as evaluate_candidate with:
    input:
        model="<results>/{sample}/fold_{fold}/bias_sweep/{factor}/models/bias.safetensors",
        signal=signal_of(),
        peaks="<results>/{sample}/peaks/peaks.narrowPeak",
        nonpeaks="<results>/{sample}/fold_{fold}/regions/nonpeaks.narrowPeak",
    output:
        predictions=temp("<results>/{sample}/fold_{fold}/bias_sweep/{factor}/predictions/bias.h5"),
        metrics="<results>/{sample}/fold_{fold}/bias_sweep/{factor}/evaluation/bias_metrics.json",
        regions="<results>/{sample}/fold_{fold}/bias_sweep/{factor}/evaluation/bias_regions.tsv.gz",
    log:
        "<logs>/evaluate_candidate/{sample}.{factor}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/evaluate_candidate/{sample}.{factor}.fold_{fold}.tsv"
    wildcard_constraints:
        sample=one_of(SWEPT),
    params:
        split="valid",


use rule contributions as candidate_contributions with:
    input:
        model="<results>/{sample}/fold_{fold}/bias_sweep/{factor}/models/bias.safetensors",
        peaks="<results>/{sample}/peaks/peaks.narrowPeak",
    output:
        counts=temp("<results>/{sample}/fold_{fold}/bias_sweep/{factor}/contributions/counts.h5"),
        profile=temp("<results>/{sample}/fold_{fold}/bias_sweep/{factor}/contributions/profile.h5"),
        qc="<results>/{sample}/fold_{fold}/bias_sweep/{factor}/contributions/contributions.json",
    log:
        "<logs>/candidate_contributions/{sample}.{factor}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/candidate_contributions/{sample}.{factor}.fold_{fold}.tsv"
    wildcard_constraints:
        sample=one_of(SWEPT),
    params:
        regions=setting("training.bias_motif_regions"),
        view="bias",
        stage="qc",
        part="",
        split=f"--fold {FOLD_FILE} --split valid",


use rule motifs as candidate_motifs with:
    input:
        contributions="<results>/{sample}/fold_{fold}/bias_sweep/{factor}/contributions/{head}.h5",
        database=given_file("motifs.database"),
    output:
        modisco="<results>/{sample}/fold_{fold}/bias_sweep/{factor}/motifs/{head}/modisco.h5",
        table="<results>/{sample}/fold_{fold}/bias_sweep/{factor}/motifs/{head}/motifs.tsv",
        meme="<results>/{sample}/fold_{fold}/bias_sweep/{factor}/motifs/{head}/motifs.meme",
        instances="<results>/{sample}/fold_{fold}/bias_sweep/{factor}/motifs/{head}/instances.bed.gz",
        qc="<results>/{sample}/fold_{fold}/bias_sweep/{factor}/motifs/{head}/motifs.json",
    log:
        "<logs>/candidate_motifs/{sample}.{factor}.{head}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/candidate_motifs/{sample}.{factor}.{head}.fold_{fold}.tsv"


rule choose_bias:
    input:
        metrics=candidate_files("evaluation/bias_metrics.json"),
        counts=candidate_files("motifs/counts/motifs.json"),
        profile=candidate_files("motifs/profile/motifs.json"),
    output:
        choice="<results>/{sample}/bias_choice/choice.json",
    log:
        "<logs>/choose_bias/{sample}.log",
    benchmark:
        "<benchmarks>/choose_bias/{sample}.tsv"
    wildcard_constraints:
        sample=one_of(SWEPT),
    conda:
        "../../envs/genomics.yaml"
    threads: 1
    resources:
        mem_mb=scaled(1000),
        runtime=scaled(10),
    params:
        candidates=lambda wildcards, input: [
            f"--candidate {factor} {fold} {metrics} {counts} {profile}"
            for (factor, fold), metrics, counts, profile in zip(
                product(FACTORS[wildcards.sample], FOLDS),
                input.metrics,
                input.counts,
                input.profile,
                strict=True,
            )
        ],
    shell:
        "python -m bpflow choose-bias {params.candidates} --output {output.choice} > {log} 2>&1"


# From here on it is the sample's bias model, like one of a single factor.
rule chosen_bias:
    input:
        choice="<results>/{sample}/bias_choice/choice.json",
        candidates=lambda wildcards: collect(
            "<results>/{sample}/fold_{fold}/bias_sweep/{factor}/{file}",
            sample=wildcards.sample,
            fold=wildcards.fold,
            factor=FACTORS[wildcards.sample],
            file=BIAS_FILES,
        ),
    output:
        collect("<results>/{{sample}}/fold_{{fold}}/{file}", file=BIAS_FILES),
    log:
        "<logs>/chosen_bias/{sample}.fold_{fold}.log",
    wildcard_constraints:
        sample=one_of(SWEPT),
    localrule: True
    conda:
        "../../envs/genomics.yaml"
    params:
        files=BIAS_FILES,
        folder=lambda wildcards, output: Path(output[0]).parents[1],
    shell:
        "factor=$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))[\"chosen\"])' {input.choice} 2> {log});"
        " for file in {params.files}; do"
        ' cp -- "{params.folder}/bias_sweep/$factor/$file" "{params.folder}/$file" >> {log} 2>&1; done'
