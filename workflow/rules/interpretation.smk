# What trained models say: predictions on test chromosomes and their metrics, tracks, footprints, recovered truth.


rule predict:
    input:
        model=branch(
            lambda wildcards: wildcards.model == "bias",
            then=bias_model_of,
            otherwise="<results>/{sample}/fold_{fold}/models/{model}.safetensors",
        ),
        genome="<results>/genome/genome.json",
        sequence="<results>/genome/genome.seq",
        peaks="<results>/{sample}/fold_{fold}/regions/{model}_peaks.narrowPeak",
        nonpeaks="<results>/{sample}/fold_{fold}/regions/{model}_nonpeaks.narrowPeak",
        fold="<results>/folds/fold_{fold}.json",
    output:
        predictions="<results>/{sample}/fold_{fold}/predictions/{model}.h5",
    log:
        "<logs>/predict_{model}/{sample}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/predict_{model}/{sample}.fold_{fold}.tsv"
    wildcard_constraints:
        sample=one_of(undivided("predictions")),
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(120),
        gpu=gpu,
        device=setting("device"),
    params:
        **inference_params(),
        split="test",
        part="",
    shell:
        "python -m bpflow predict --model {input.model:q} --genome {input.genome}"
        " --regions {input.peaks} --nonpeaks {input.nonpeaks} --fold {input.fold} --split {params.split}"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " {params.part} --output {output.predictions} > {log} 2>&1"


use rule predict as predict_parts with:
    output:
        predictions=temp("<results>/{sample}/fold_{fold}/predictions/{model}/parts/{part}.h5"),
    log:
        "<logs>/predict_parts/{sample}.fold_{fold}.{model}.{part}.log",
    benchmark:
        "<benchmarks>/predict_parts/{sample}.fold_{fold}.{model}.{part}.tsv"
    wildcard_constraints:
        sample=one_of(DIVIDED["predictions"]),
    params:
        part=lambda wildcards: f"--part {wildcards.part}/{configured(wildcards.sample, 'predictions.parts')}",


rule gather_predictions:
    input:
        parts=parts_of(
            "<results>/{{sample}}/fold_{{fold}}/predictions/{{model}}/parts/{part}.h5",
            "predictions.parts",
        ),
    output:
        predictions="<results>/{sample}/fold_{fold}/predictions/{model}.h5",
    log:
        "<logs>/gather_predictions/{sample}.fold_{fold}.{model}.log",
    benchmark:
        "<benchmarks>/gather_predictions/{sample}.fold_{fold}.{model}.tsv"
    wildcard_constraints:
        sample=one_of(DIVIDED["predictions"]),
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(60),
    shell:
        "python -m bpflow gather-predictions --parts {input.parts} --output {output.predictions} > {log} 2>&1"


rule evaluate:
    input:
        predictions="<results>/{sample}/fold_{fold}/predictions/{model}.h5",
        signal=signal_of,
        genome="<results>/genome/genome.json",
        sequence="<results>/genome/genome.seq",
    output:
        metrics="<results>/{sample}/fold_{fold}/evaluation/{model}_metrics.json",
        regions="<results>/{sample}/fold_{fold}/evaluation/{model}_regions.tsv.gz",
    log:
        "<logs>/evaluate_{model}/{sample}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/evaluate_{model}/{sample}.fold_{fold}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(60),
    params:
        seed=setting("seed"),
    shell:
        "python -m bpflow evaluate --predictions {input.predictions} --signal {input.signal:q} --genome {input.genome}"
        " --model-kind {wildcards.model} --seed {params.seed} --output {output.metrics} --table {output.regions} > {log} 2>&1"


# Where there is more than one sample.
rule compare:
    input:
        regions=collect(
            "<results>/{sample}/fold_{fold}/evaluation/chrombpnet_regions.tsv.gz",
            sample=MODELLED,
            fold=FOLDS,
        ),
    output:
        qc="<results>/comparison.json",
    log:
        "<logs>/compare/compare.log",
    benchmark:
        "<benchmarks>/compare/compare.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        samples=lambda wildcards: [
            option for sample in MODELLED for option in ("--sample", sample, *region_tables(sample))
        ],
    shell:
        "python -m bpflow compare {params.samples} --output {output.qc} > {log} 2>&1"


# crossfit: each chromosome by the model that never saw it, for numbers. mean: all models, for looking at.
rule tracks:
    input:
        models=collect("<results>/{{sample}}/fold_{fold}/models/chrombpnet.safetensors", fold=FOLDS),
        folds=collect("<results>/folds/fold_{fold}.json", fold=FOLDS),
        signal=signal_of,
        genome="<results>/genome/genome.json",
        sequence="<results>/genome/genome.seq",
        peaks="<results>/{sample}/peaks/peaks.narrowPeak",
    output:
        observed="<results>/{sample}/tracks/{combine}/observed.bw",
        with_bias="<results>/{sample}/tracks/{combine}/with_bias.bw",
        bias="<results>/{sample}/tracks/{combine}/bias.bw",
        corrected="<results>/{sample}/tracks/{combine}/corrected.bw",
    log:
        "<logs>/tracks_{combine}/{sample}.log",
    benchmark:
        "<benchmarks>/tracks_{combine}/{sample}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(240),
        gpu=gpu,
        device=setting("device"),
    params:
        **inference_params(),
        folder=subpath(output.observed, parent=True),
    shell:
        "python -m bpflow tracks --models {input.models} --folds {input.folds} --genome {input.genome}"
        " --regions {input.peaks} --signal {input.signal:q} --combine {wildcards.combine}"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --output-dir {params.folder} > {log} 2>&1"


rule footprints:
    input:
        model="<results>/{sample}/fold_{fold}/models/chrombpnet.safetensors",
        genome="<results>/genome/genome.json",
        sequence="<results>/genome/genome.seq",
        nonpeaks="<results>/{sample}/fold_{fold}/regions/nonpeaks.narrowPeak",
        fold="<results>/folds/fold_{fold}.json",
        motifs=given_file("footprints.motifs"),
    output:
        footprints="<results>/{sample}/fold_{fold}/evaluation/footprints.h5",
        qc="<results>/{sample}/fold_{fold}/evaluation/footprints.json",
    log:
        "<logs>/footprints/{sample}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/footprints/{sample}.fold_{fold}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(120),
        gpu=gpu,
        device=setting("device"),
    params:
        **inference_params(),
        assay=assay_of,
        motifs=option_of("--motifs", "footprints.motifs"),
        tf_motifs=setting("footprints.tf_motifs"),
        backgrounds=setting("footprints.backgrounds"),
        seed=setting("seed"),
    shell:
        "python -m bpflow footprints --model {input.model} --genome {input.genome} --regions {input.nonpeaks}"
        " --fold {input.fold} --assay {params.assay} {params.motifs} {input.motifs:q}"
        " --tf-motifs {params.tf_motifs} --backgrounds {params.backgrounds} --seed {params.seed}"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --output {output.footprints} --qc {output.qc} > {log} 2>&1"


# Where more than one fold is run.
rule average_footprints:
    input:
        footprints=collect("<results>/{{sample}}/fold_{fold}/evaluation/footprints.h5", fold=FOLDS),
    output:
        footprints="<results>/{sample}/mean/footprints.h5",
        qc="<results>/{sample}/mean/footprints.json",
    log:
        "<logs>/average_footprints/{sample}.log",
    benchmark:
        "<benchmarks>/average_footprints/{sample}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(10),
    shell:
        "python -m bpflow average-footprints --inputs {input.footprints}"
        " --output {output.footprints} --qc {output.qc} > {log} 2>&1"


# Where the configuration names regions.
rule mutagenesis:
    input:
        gates=ancient(collect("<results>/{{sample}}/fold_{fold}/gates/model.json", fold=FOLDS)),
        models=collect("<results>/{{sample}}/fold_{fold}/models/chrombpnet.safetensors", fold=FOLDS),
        genome="<results>/genome/genome.json",
        sequence="<results>/genome/genome.seq",
        regions=given_file("mutagenesis.regions"),
    output:
        effects="<results>/{sample}/mean/mutagenesis.h5",
    log:
        "<logs>/mutagenesis/{sample}.log",
    benchmark:
        "<benchmarks>/mutagenesis/{sample}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(240),
        gpu=gpu,
        device=setting("device"),
    params:
        **inference_params(),
        width=setting("mutagenesis.width"),
    shell:
        "python -m bpflow mutagenesis --model {input.models} --genome {input.genome} --regions {input.regions:q}"
        " --width {params.width}"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --output {output.effects} > {log} 2>&1"


# What the report's locus browser shows: loci that the configuration names, and peaks by the rank of their insertions.
rule loci:
    input:
        models=collect("<results>/{{sample}}/fold_{fold}/models/chrombpnet.safetensors", fold=FOLDS),
        folds=collect("<results>/folds/fold_{fold}.json", fold=FOLDS),
        signal=signal_of,
        genome="<results>/genome/genome.json",
        sequence="<results>/genome/genome.seq",
        peaks="<results>/{sample}/peaks/peaks.narrowPeak",
        loci=REPORT["loci"] or [],
        gates=ancient(collect("<results>/{{sample}}/fold_{fold}/gates/model.json", fold=FOLDS)),
    output:
        record="<results>/{sample}/loci/loci.json",
    log:
        "<logs>/loci/{sample}.log",
    benchmark:
        "<benchmarks>/loci/{sample}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(120),
        gpu=gpu,
        device=setting("device"),
    params:
        **inference_params(),
        numbers=FOLDS,
        loci="--loci" if REPORT["loci"] else "",
        peaks=REPORT["peaks_shown"],
        references=setting("contributions.references"),
        seed=setting("seed"),
    shell:
        "python -m bpflow loci --models {input.models} --folds {input.folds} --fold-numbers {params.numbers}"
        " --genome {input.genome} --signal {input.signal:q} {params.loci} {input.loci:q}"
        " --regions {input.peaks} --peaks {params.peaks} --references {params.references} --seed {params.seed}"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --output {output.record} > {log} 2>&1"


# Simulated data only.
rule recovery:
    input:
        model="<results>/{sample}/fold_{fold}/models/chrombpnet.safetensors",
        genome="<results>/genome/genome.json",
        sequence="<results>/genome/genome.seq",
        signal=signal_of,
        peaks="<results>/{sample}/fold_{fold}/regions/chrombpnet_peaks.narrowPeak",
        nonpeaks="<results>/{sample}/fold_{fold}/regions/chrombpnet_nonpeaks.narrowPeak",
        fold="<results>/folds/fold_{fold}.json",
        truth=given_file("truth"),
    output:
        qc="<results>/{sample}/fold_{fold}/evaluation/recovery.json",
    log:
        "<logs>/recovery/{sample}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/recovery/{sample}.fold_{fold}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(60),
        gpu=gpu,
        device=setting("device"),
    params:
        **inference_params(),
        seed=setting("seed"),
    shell:
        "python -m bpflow recovery --model {input.model} --genome {input.genome} --peaks {input.peaks}"
        " --nonpeaks {input.nonpeaks} --fold {input.fold} --truth {input.truth:q} --signal {input.signal:q}"
        " --seed {params.seed}"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --qc {output.qc} > {log} 2>&1"
