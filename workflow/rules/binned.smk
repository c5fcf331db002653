# Basenji2: tracks in bins of contiguous windows, from bigWigs to predicted bigWigs.


# Windows are the regions that folds are balanced by.
rule bins:
    input:
        table=lambda wildcards: SAMPLES[wildcards.sample].tracks,
        tracks=lambda wildcards: settings.track_files(SAMPLES[wildcards.sample].tracks),
        genome="<results>/genome/genome.json",
        blacklist=GENOME["blacklist"] or [],
        mappability=GENOME["mappability"] or [],
    output:
        bins="<results>/{sample}/bins/bins.h5",
        windows="<results>/{sample}/peaks/peaks.narrowPeak",
        qc="<results>/{sample}/bins/bins.json",
    log:
        "<logs>/bins/{sample}.log",
    benchmark:
        "<benchmarks>/bins/{sample}.tsv"
    conda:
        "../../envs/genomics.yaml"
    threads: 4
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(720),
    params:
        blacklist="--blacklist" if GENOME["blacklist"] else "",
        mappability="--mappability" if GENOME["mappability"] else "",
        layout=options_of("bins"),
        input_length=f"--input-length {CONFIG['model']['input_length']}" if CONFIG["model"]["input_length"] else "",
    shell:
        "python -m bpflow bins --targets {input.table:q} --genome {input.genome} {params.blacklist} {input.blacklist:q}"
        " {params.mappability} {input.mappability:q} {params.input_length} {params.layout} --threads {threads}"
        " --output {output.bins} --windows {output.windows} --qc {output.qc} > {log} 2>&1"


rule train_bins:
    input:
        bins="<results>/{sample}/bins/bins.h5",
        fold="<results>/folds/fold_{fold}.json",
    output:
        model="<results>/{sample}/fold_{fold}/models/basenji2.safetensors",
        history="<results>/{sample}/fold_{fold}/models/basenji2.history.tsv",
        qc="<results>/{sample}/fold_{fold}/models/basenji2.json",
    log:
        "<logs>/train_bins/{sample}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/train_bins/{sample}.fold_{fold}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        **on_device(),
        mem_mb=scaled(16000),
        runtime=scaled(2880),
    params:
        genome=GENOME_FILE,
        model=options_of("model", but=["input_length", "output_length"]),
        training=options_of("training", but=["jitter", "counts_weight"]),
        allow_cpu="--allow-cpu" if CONFIG["model"]["allow_cpu"] else "",
        precision=CONFIG["precision"],
        seed=CONFIG["seed"],
        version=__version__,
    shell:
        "python -m bpflow train basenji2 --genome {params.genome} --bins {input.bins} --fold {input.fold}"
        " {params.model} {params.training} --seed {params.seed} --device {resources.device}"
        " --precision {params.precision} {params.allow_cpu} --threads {threads} --devices {resources.gpu}"
        " --output {output.model} --history {output.history} --qc {output.qc} > {log} 2>&1"


# All folds, each on its own test chromosomes, so that tracks are of models that never saw what they predict.
rule evaluate_bins:
    input:
        models=collect("<results>/{{sample}}/fold_{fold}/models/basenji2.safetensors", fold=FOLDS),
        bins="<results>/{sample}/bins/bins.h5",
        folds=collect("<results>/folds/fold_{fold}.json", fold=FOLDS),
    output:
        metrics="<results>/{sample}/bins/metrics.json",
        table="<results>/{sample}/bins/metrics.tsv",
        predictions="<results>/{sample}/bins/predictions.h5",
        tracks=directory("<results>/{sample}/tracks"),
    log:
        "<logs>/evaluate_bins/{sample}.log",
    benchmark:
        "<benchmarks>/evaluate_bins/{sample}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        **on_device(),
        mem_mb=scaled(16000),
        runtime=scaled(720),
    params:
        genome=GENOME_FILE,
        precision=CONFIG["precision"],
    shell:
        "python -m bpflow evaluate-bins --models {input.models} --folds {input.folds} --bins {input.bins}"
        " --genome {params.genome} --reverse-complement --device {resources.device} --precision {params.precision}"
        " --threads {threads} --output {output.metrics} --table {output.table} --predictions {output.predictions}"
        " --bigwig-dir {output.tracks} > {log} 2>&1"


# Simulated data only.
rule bin_recovery:
    input:
        predictions="<results>/{sample}/bins/predictions.h5",
        truth=CONFIG["truth"] or [],
    output:
        qc="<results>/{sample}/bins/recovery.json",
    log:
        "<logs>/bin_recovery/{sample}.log",
    benchmark:
        "<benchmarks>/bin_recovery/{sample}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        genome=GENOME_FILE,
    shell:
        "python -m bpflow bin-recovery --predictions {input.predictions} --genome {params.genome}"
        " --truth {input.truth:q} --qc {output.qc} > {log} 2>&1"
