# ChromBPNet: what accessibility adds to the enzyme's bias, which stays fixed.


rule select_chrombpnet:
    input:
        signal=signal_of(),
        peaks="<results>/{sample}/peaks/peaks.narrowPeak",
        nonpeaks="<results>/{sample}/fold_{fold}/regions/nonpeaks.narrowPeak",
    output:
        peaks="<results>/{sample}/fold_{fold}/regions/chrombpnet_peaks.narrowPeak",
        nonpeaks="<results>/{sample}/fold_{fold}/regions/chrombpnet_nonpeaks.narrowPeak",
        scaling="<results>/{sample}/fold_{fold}/regions/scaling_nonpeaks.narrowPeak",
        qc="<results>/{sample}/fold_{fold}/regions/chrombpnet_selection.json",
    log:
        "<logs>/select_chrombpnet/{sample}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/select_chrombpnet/{sample}.fold_{fold}.tsv"
    conda:
        "../../envs/genomics.yaml"
    threads: 1
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(60),
    params:
        genome=GENOME_FILE,
        fold=FOLD_FILE,
        input_length=setting("model.input_length"),
        output_length=setting("model.output_length"),
        jitter=setting("training.jitter"),
        negative_ratio=setting("training.negative_ratio"),
        outlier_quantile=setting("training.outlier_quantile"),
        seed=setting("seed"),
    shell:
        "python -m bpflow select chrombpnet --genome {params.genome} --signal {input.signal:q}"
        " --peaks {input.peaks} --nonpeaks {input.nonpeaks} --fold {params.fold}"
        " --negative-ratio {params.negative_ratio} --outlier-quantile {params.outlier_quantile}"
        " --jitter {params.jitter} --input-length {params.input_length} --output-length {params.output_length}"
        " --seed {params.seed} --output-peaks {output.peaks} --output-nonpeaks {output.nonpeaks}"
        " --output-scaling-nonpeaks {output.scaling} --qc {output.qc} > {log} 2>&1"


# The bias model is scaled to the sample's background first.
rule train_chrombpnet:
    input:
        judged=judged_bias(),
        bias=bias_model_of(),
        signal=signal_of(),
        peaks="<results>/{sample}/fold_{fold}/regions/chrombpnet_peaks.narrowPeak",
        nonpeaks="<results>/{sample}/fold_{fold}/regions/chrombpnet_nonpeaks.narrowPeak",
        background="<results>/{sample}/fold_{fold}/regions/scaling_nonpeaks.narrowPeak",
        selection="<results>/{sample}/fold_{fold}/regions/chrombpnet_selection.json",
    output:
        bias="<results>/{sample}/fold_{fold}/models/bias_scaled.safetensors",
        scaling="<results>/{sample}/fold_{fold}/models/bias_scaled.json",
        model="<results>/{sample}/fold_{fold}/models/chrombpnet.safetensors",
        nobias="<results>/{sample}/fold_{fold}/models/chrombpnet_nobias.safetensors",
        history="<results>/{sample}/fold_{fold}/models/chrombpnet.history.tsv",
        qc="<results>/{sample}/fold_{fold}/models/chrombpnet.json",
    log:
        "<logs>/train_chrombpnet/{sample}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/train_chrombpnet/{sample}.fold_{fold}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        **on_device(),
        mem_mb=scaled(16000),
        runtime=scaled(1440),
        stop=stopping(),
    params:
        **training_params("chrombpnet"),
        jitter=setting("training.jitter"),
        negative_ratio=setting("training.negative_ratio"),
    shell:
        "python -m bpflow gate --results {params.results} --sample {wildcards.sample} --folds {wildcards.fold}"
        " --stage bias --stop {resources.stop} > {log} 2>&1 && "
        "python -m bpflow scale-bias --model {input.bias:q} --genome {params.genome} --signal {input.signal:q}"
        " --nonpeaks {input.background} --fold {params.fold} --batch-size {params.batch_size}"
        " --device {resources.device} --precision {params.precision} --threads {threads}"
        " --output {output.bias} --qc {output.scaling} >> {log} 2>&1 && "
        "python -m bpflow train chrombpnet --genome {params.genome} --signal {input.signal:q}"
        " --peaks {input.peaks} --nonpeaks {input.nonpeaks} --fold {params.fold} --selection {input.selection}"
        " --bias-model {output.bias} --filters {params.filters} --layers {params.layers}"
        " --input-length {params.input_length} --output-length {params.output_length}"
        " --jitter {params.jitter} --negative-ratio {params.negative_ratio}"
        " --epochs {params.epochs} --patience {params.patience} --batch-size {params.batch_size}"
        " --learning-rate {params.learning_rate} --seed {params.seed}"
        " --device {resources.device} --precision {params.precision} {params.allow_cpu} --threads {threads}"
        " --devices {resources.gpu}"
        " --output {output.model} --output-nobias {output.nobias} --history {output.history} --qc {output.qc}"
        " >> {log} 2>&1"


# Files for the tools that read the official program's, of all folds at once: each is converted in a second.
rule official_weights:
    input:
        models=fold_models(OFFICIAL_WEIGHTS.values()),
    output:
        models=fold_weights(OFFICIAL_WEIGHTS),
    log:
        "<logs>/official_weights/{sample}.log",
    benchmark:
        "<benchmarks>/official_weights/{sample}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(30),
    params:
        pairs=lambda wildcards, input, output: list(chain(*zip(input.models, output.models, strict=True))),
    shell:
        "python -m bpflow convert {params.pairs} > {log} 2>&1"


use rule official_weights as official_bias with:
    input:
        models=fold_models(["bias"]),
    output:
        models=fold_weights(["bias"]),
    log:
        "<logs>/official_bias/{sample}.log",
    benchmark:
        "<benchmarks>/official_bias/{sample}.tsv"
