# BPNet and ProCapNet: strands and tasks, from reads or bigWigs to what models say of them.


rule strands:
    input:
        reads=lambda wildcards: list(SAMPLES[wildcards.sample].task(wildcards.task).reads),
        genome="<results>/genome/genome.json",
    output:
        plus="<results>/{sample}/signal/{task}.plus.bw",
        minus="<results>/{sample}/signal/{task}.minus.bw",
        qc="<results>/{sample}/signal/{task}.json",
    log:
        "<logs>/strands/{sample}.{task}.log",
    benchmark:
        "<benchmarks>/strands/{sample}.{task}.tsv"
    conda:
        "../../envs/genomics.yaml"
    threads: 4
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(240),
    params:
        min_mapq=CONFIG["reads"]["min_mapq"],
        exclude_flags=",".join(CONFIG["reads"]["exclude_flags"]) or "none",
        mate=CONFIG["reads"]["mate"],
    shell:
        "python -m bpflow signal --reads {input.reads:q} --strands {output.plus} {output.minus} --mate {params.mate}"
        " --min-mapq {params.min_mapq} --exclude-flags {params.exclude_flags} --genome {input.genome} --qc {output.qc}"
        " --threads {threads} > {log} 2>&1"


# One set of regions for all tasks of a model: the peaks of any.
rule task_peaks:
    input:
        genome="<results>/genome/genome.json",
        peaks=lambda wildcards: given_peaks(wildcards.sample),
    output:
        peaks="<results>/{sample}/peaks/peaks.narrowPeak",
        qc="<results>/{sample}/peaks/peaks.json",
    log:
        "<logs>/task_peaks/{sample}.log",
    benchmark:
        "<benchmarks>/task_peaks/{sample}.tsv"
    wildcard_constraints:
        sample=one_of(filter(given_peaks, SAMPLES)),
    conda:
        "../../envs/genomics.yaml"
    threads: 1
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(60),
    params:
        tasks=lambda wildcards: [
            f"--sample {task.name} {shlex.quote(task.peaks)}" for task in SAMPLES[wildcards.sample].tasks if task.peaks
        ],
    shell:
        "python -m bpflow consensus {params.tasks} --genome {input.genome} --output {output.peaks} --qc {output.qc}"
        " > {log} 2>&1"


# Where the sheet has none, clusters of the ends themselves.
rule clusters:
    input:
        genome="<results>/genome/genome.json",
        plus=lambda wildcards: [both[0] for both in all_strands(wildcards.sample)],
        minus=lambda wildcards: [both[1] for both in all_strands(wildcards.sample)],
    output:
        peaks="<results>/{sample}/peaks/peaks.narrowPeak",
        qc="<results>/{sample}/peaks/peaks.json",
    log:
        "<logs>/clusters/{sample}.log",
    benchmark:
        "<benchmarks>/clusters/{sample}.tsv"
    wildcard_constraints:
        sample=one_of(name for name in SAMPLES if not given_peaks(name)),
    conda:
        "../../envs/genomics.yaml"
    threads: 1
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(60),
    params:
        distance=CONFIG["regions"]["distance"],
        min_per_million=CONFIG["regions"]["min_per_million"],
    shell:
        "python -m bpflow clusters --plus {input.plus:q} --minus {input.minus:q} --genome {input.genome}"
        " --distance {params.distance} --min-per-million {params.min_per_million}"
        " --output {output.peaks} --qc {output.qc} > {log} 2>&1"


rule train_stranded:
    input:
        strands=lambda wildcards: chain(*all_strands(wildcards.sample)),
        peaks=lambda wildcards: given_peaks(wildcards.sample)
        or f"{CONFIG['results']}/{wildcards.sample}/peaks/peaks.narrowPeak",
        nonpeaks=lambda wildcards: SAMPLES[wildcards.sample].nonpeaks or [],
        control=lambda wildcards: list(SAMPLES[wildcards.sample].control),
        mappability=(GENOME["mappability"] or []) if SYSTEM == "procapnet" else [],
        fold="<results>/folds/fold_{fold}.json",
        architecture=(CONFIG["model"]["architecture"] or "").rpartition(":")[0] or [],
    output:
        model=f"<results>/{{sample}}/fold_{{fold}}/models/{SYSTEM}.safetensors",
        history=f"<results>/{{sample}}/fold_{{fold}}/models/{SYSTEM}.history.tsv",
        qc=f"<results>/{{sample}}/fold_{{fold}}/models/{SYSTEM}.json",
    log:
        "<logs>/train_stranded/{sample}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/train_stranded/{sample}.fold_{fold}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        **on_device(),
        mem_mb=scaled(16000),
        runtime=scaled(1440),
    params:
        genome=GENOME_FILE,
        system=SYSTEM,
        tasks=lambda wildcards: tasks_options(wildcards.sample),
        nonpeaks=lambda wildcards, input: "--nonpeaks" if input.nonpeaks else "",
        control=lambda wildcards, input: "--control" if input.control else "",
        mappability=lambda wildcards, input: "--mappability" if input.mappability else "",
        model=options_of("model", but=["tower_filters", "bottleneck", "head_filters", "max_shift"]),
        training=options_of("training"),
        architecture='--architecture "$BPFLOW_ARCHITECTURE"' if CONFIG["model"]["architecture"] else "",
        allow_cpu="--allow-cpu" if CONFIG["model"]["allow_cpu"] else "",
        precision=CONFIG["precision"],
        seed=CONFIG["seed"],
        version=__version__,
    shell:
        "python -m bpflow train {params.system} --genome {params.genome} {params.tasks} --peaks {input.peaks:q}"
        " {params.nonpeaks} {input.nonpeaks:q} {params.control} {input.control:q}"
        " {params.mappability} {input.mappability:q} --fold {input.fold} {params.model} {params.training}"
        " {params.architecture}"
        " --seed {params.seed} --device {resources.device} --precision {params.precision} {params.allow_cpu}"
        " --threads {threads} --devices {resources.gpu}"
        " --output {output.model} --history {output.history} --qc {output.qc} > {log} 2>&1"


# Test chromosomes: predictions, tracks of both strands, and how well they match.
rule evaluate_task:
    input:
        model=f"<results>/{{sample}}/fold_{{fold}}/models/{SYSTEM}.safetensors",
        peaks="<results>/{sample}/peaks/peaks.narrowPeak",
        strands=strands_of_task,
    output:
        metrics="<results>/{sample}/fold_{fold}/tasks/{task}/metrics.json",
        regions="<results>/{sample}/fold_{fold}/tasks/{task}/regions.tsv.gz",
        predictions="<results>/{sample}/fold_{fold}/tasks/{task}/predictions.h5",
        plus="<results>/{sample}/fold_{fold}/tasks/{task}/plus.bw",
        minus="<results>/{sample}/fold_{fold}/tasks/{task}/minus.bw",
    log:
        "<logs>/evaluate_task/{sample}.fold_{fold}.{task}.log",
    benchmark:
        "<benchmarks>/evaluate_task/{sample}.fold_{fold}.{task}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        **on_device(),
        mem_mb=scaled(8000),
        runtime=scaled(120),
    params:
        genome=GENOME_FILE,
        fold=FOLD_FILE,
        system=SYSTEM,
        # As its authors predict.
        both="--reverse-complement" if SYSTEM == "procapnet" else "",
        precision=CONFIG["precision"],
        seed=CONFIG["seed"],
    shell:
        "python -m bpflow predict --model {input.model} --task {wildcards.task} --genome {params.genome}"
        " --regions {input.peaks} --fold {params.fold} {params.both} --device {resources.device} --precision {params.precision}"
        " --threads {threads} --output {output.predictions} --bigwig {output.plus} {output.minus} > {log} 2>&1 && "
        "python -m bpflow evaluate --predictions {output.predictions} --signal {input.strands:q} --genome {params.genome}"
        " --model-kind {params.system} --seed {params.seed} --output {output.metrics} --table {output.regions}"
        " >> {log} 2>&1"


rule task_contributions:
    input:
        model=f"<results>/{{sample}}/fold_{{fold}}/models/{SYSTEM}.safetensors",
        peaks="<results>/{sample}/peaks/peaks.narrowPeak",
    output:
        counts="<results>/{sample}/fold_{fold}/contributions/{view}/counts.h5",
        profile="<results>/{sample}/fold_{fold}/contributions/{view}/profile.h5",
        counts_track="<results>/{sample}/fold_{fold}/contributions/{view}/counts.bw",
        profile_track="<results>/{sample}/fold_{fold}/contributions/{view}/profile.bw",
        qc="<results>/{sample}/fold_{fold}/contributions/{view}/contributions.json",
    log:
        "<logs>/task_contributions/{sample}.fold_{fold}.{view}.log",
    benchmark:
        "<benchmarks>/task_contributions/{sample}.fold_{fold}.{view}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        **on_device(),
        mem_mb=scaled(8000),
        runtime=scaled(1440),
    params:
        genome=GENOME_FILE,
        regions=CONFIG["contributions"]["regions"],
        references=CONFIG["contributions"]["references"],
        seed=CONFIG["seed"],
        folder=subpath(output.counts, parent=True),
    shell:
        "python -m bpflow contributions --model {input.model} --task {wildcards.view} --genome {params.genome}"
        " --regions {input.peaks} --max-regions {params.regions} --references {params.references} --bigwigs"
        " --seed {params.seed} --device {resources.device} --threads {threads} --output-dir {params.folder}"
        " > {log} 2>&1"


# Where the configuration names motifs.
rule task_footprints:
    input:
        model=f"<results>/{{sample}}/fold_{{fold}}/models/{SYSTEM}.safetensors",
        peaks="<results>/{sample}/peaks/peaks.narrowPeak",
        motifs=CONFIG["footprints"]["motifs"] or [],
    output:
        footprints="<results>/{sample}/fold_{fold}/tasks/{task}/footprints.h5",
        qc="<results>/{sample}/fold_{fold}/tasks/{task}/footprints.json",
    log:
        "<logs>/task_footprints/{sample}.fold_{fold}.{task}.log",
    benchmark:
        "<benchmarks>/task_footprints/{sample}.fold_{fold}.{task}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        **on_device(),
        mem_mb=scaled(8000),
        runtime=scaled(120),
    params:
        genome=GENOME_FILE,
        fold=FOLD_FILE,
        motifs="--motifs" if CONFIG["footprints"]["motifs"] else "",
        tf_motifs=CONFIG["footprints"]["tf_motifs"],
        backgrounds=CONFIG["footprints"]["backgrounds"],
        precision=CONFIG["precision"],
        seed=CONFIG["seed"],
    shell:
        "python -m bpflow task-footprints --model {input.model} --task {wildcards.task} --genome {params.genome}"
        " --regions {input.peaks} --fold {params.fold} {params.motifs} {input.motifs:q} --tf-motifs {params.tf_motifs}"
        " --backgrounds {params.backgrounds} --seed {params.seed} --device {resources.device}"
        " --precision {params.precision} --threads {threads} --output {output.footprints} --qc {output.qc}"
        " > {log} 2>&1"


rule task_variants:
    input:
        models=collect(f"<results>/{{{{sample}}}}/fold_{{fold}}/models/{SYSTEM}.safetensors", fold=FOLDS),
        peaks="<results>/{sample}/peaks/peaks.narrowPeak",
        variants=CONFIG["variants"]["file"] or [],
    output:
        figures=directory("<results>/{sample}/variants/{task}/figures"),
        table="<results>/{sample}/variants/{task}/variants.tsv.gz",
        # Its index lies beside it if the variants are sorted.
        vcf="<results>/{sample}/variants/{task}/variants.vcf.gz",
        qc="<results>/{sample}/variants/{task}/variants.json",
    log:
        "<logs>/task_variants/{sample}.{task}.log",
    benchmark:
        "<benchmarks>/task_variants/{sample}.{task}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        **on_device(),
        mem_mb=scaled(8000),
        runtime=scaled(1440),
    params:
        genome=GENOME_FILE,
        folds=FOLDS,
        null=CONFIG["variants"]["null_variants"],
        top=CONFIG["variants"]["top"],
        precision=CONFIG["precision"],
        seed=CONFIG["seed"],
    shell:
        "python -m bpflow variants --models {input.models} --folds {params.folds} --task {wildcards.task}"
        " --genome {params.genome} --variants {input.variants:q} --peaks {input.peaks} --null {params.null}"
        " --seed {params.seed} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --figures {output.figures} --top {params.top}"
        " --output {output.table} --vcf {output.vcf} --qc {output.qc} > {log} 2>&1"


# Simulated data only.
rule stranded_recovery:
    input:
        model=f"<results>/{{sample}}/fold_{{fold}}/models/{SYSTEM}.safetensors",
        truth=CONFIG["truth"] or [],
    output:
        qc="<results>/{sample}/fold_{fold}/recovery.json",
    log:
        "<logs>/stranded_recovery/{sample}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/stranded_recovery/{sample}.fold_{fold}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        **on_device(),
        mem_mb=scaled(8000),
        runtime=scaled(60),
    params:
        genome=GENOME_FILE,
        fold=FOLD_FILE,
        precision=CONFIG["precision"],
    shell:
        "python -m bpflow stranded-recovery --model {input.model} --genome {params.genome} --fold {params.fold}"
        " --truth {input.truth:q} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --qc {output.qc} > {log} 2>&1"
