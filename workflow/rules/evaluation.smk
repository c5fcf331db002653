# What trained models say on test chromosomes: predictions, metrics, footprints, recovered truth, samples side by side.


rule evaluate_bias:
    input:
        model=bias_model_of(),
        signal=signal_of(),
        peaks="<results>/{sample}/fold_{fold}/regions/bias_peaks.narrowPeak",
        nonpeaks="<results>/{sample}/fold_{fold}/regions/bias_nonpeaks.narrowPeak",
    output:
        predictions="<results>/{sample}/fold_{fold}/predictions/bias.h5",
        metrics="<results>/{sample}/fold_{fold}/evaluation/bias_metrics.json",
        regions="<results>/{sample}/fold_{fold}/evaluation/bias_regions.tsv.gz",
    log:
        "<logs>/evaluate_bias/{sample}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/evaluate_bias/{sample}.fold_{fold}.tsv"
    wildcard_constraints:
        sample=one_of(undivided("predictions")),
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        **on_device(),
        mem_mb=scaled(8000),
        runtime=scaled(120),
    params:
        **inference_params(),
        fold=FOLD_FILE,
        split="test",
        seed=setting("seed"),
    shell:
        "python -m bpflow predict --model {input.model:q} --genome {params.genome}"
        " --regions {input.peaks} --nonpeaks {input.nonpeaks} --fold {params.fold} --split {params.split}"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --output {output.predictions} > {log} 2>&1 && "
        "python -m bpflow evaluate --predictions {output.predictions} --signal {input.signal:q} --genome {params.genome}"
        " --model-kind bias --seed {params.seed} --output {output.metrics} --table {output.regions} >> {log} 2>&1"


# And its footprints, which are averaged over folds later.
rule evaluate_chrombpnet:
    input:
        model="<results>/{sample}/fold_{fold}/models/chrombpnet.safetensors",
        signal=signal_of(),
        peaks="<results>/{sample}/fold_{fold}/regions/chrombpnet_peaks.narrowPeak",
        nonpeaks="<results>/{sample}/fold_{fold}/regions/chrombpnet_nonpeaks.narrowPeak",
        background="<results>/{sample}/fold_{fold}/regions/nonpeaks.narrowPeak",
        motifs=given_file("footprints.motifs"),
    output:
        predictions="<results>/{sample}/fold_{fold}/predictions/chrombpnet.h5",
        metrics="<results>/{sample}/fold_{fold}/evaluation/chrombpnet_metrics.json",
        regions="<results>/{sample}/fold_{fold}/evaluation/chrombpnet_regions.tsv.gz",
        footprints="<results>/{sample}/fold_{fold}/evaluation/footprints.h5",
        qc="<results>/{sample}/fold_{fold}/evaluation/footprints.json",
    log:
        "<logs>/evaluate_chrombpnet/{sample}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/evaluate_chrombpnet/{sample}.fold_{fold}.tsv"
    wildcard_constraints:
        sample=one_of(undivided("predictions")),
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        **on_device(),
        mem_mb=scaled(8000),
        runtime=scaled(240),
    params:
        **inference_params(),
        fold=FOLD_FILE,
        split="test",
        assay=assay_of(),
        motifs=option_of("--motifs", "footprints.motifs"),
        tf_motifs=setting("footprints.tf_motifs"),
        backgrounds=setting("footprints.backgrounds"),
        seed=setting("seed"),
    shell:
        "python -m bpflow predict --model {input.model:q} --genome {params.genome}"
        " --regions {input.peaks} --nonpeaks {input.nonpeaks} --fold {params.fold} --split {params.split}"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --output {output.predictions} > {log} 2>&1 && "
        "python -m bpflow evaluate --predictions {output.predictions} --signal {input.signal:q} --genome {params.genome}"
        " --model-kind chrombpnet --seed {params.seed} --output {output.metrics} --table {output.regions} >> {log} 2>&1 && "
        "python -m bpflow footprints --model {input.model} --genome {params.genome} --regions {input.background}"
        " --fold {params.fold} --assay {params.assay} {params.motifs} {input.motifs:q}"
        " --tf-motifs {params.tf_motifs} --backgrounds {params.backgrounds} --seed {params.seed}"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --output {output.footprints} --qc {output.qc} >> {log} 2>&1"


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


# Simulated data only.
rule recovery:
    input:
        model="<results>/{sample}/fold_{fold}/models/chrombpnet.safetensors",
        signal=signal_of(),
        peaks="<results>/{sample}/fold_{fold}/regions/chrombpnet_peaks.narrowPeak",
        nonpeaks="<results>/{sample}/fold_{fold}/regions/chrombpnet_nonpeaks.narrowPeak",
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
        **on_device(),
        mem_mb=scaled(8000),
        runtime=scaled(60),
    params:
        **inference_params(),
        fold=FOLD_FILE,
        seed=setting("seed"),
    shell:
        "python -m bpflow recovery --model {input.model} --genome {params.genome} --peaks {input.peaks}"
        " --nonpeaks {input.nonpeaks} --fold {params.fold} --truth {input.truth:q} --signal {input.signal:q}"
        " --seed {params.seed}"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --qc {output.qc} > {log} 2>&1"
