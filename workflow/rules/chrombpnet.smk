# ChromBPNet: what accessibility adds to the enzyme's bias, which stays fixed.


rule select_chrombpnet:
    input:
        signal=signal_of,
        genome="<results>/genome/genome.json",
        sequence="<results>/genome/genome.seq",
        peaks="<results>/{sample}/peaks/peaks.narrowPeak",
        nonpeaks="<results>/{sample}/fold_{fold}/regions/nonpeaks.narrowPeak",
        fold="<results>/folds/fold_{fold}.json",
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
        input_length=setting("model.input_length"),
        output_length=setting("model.output_length"),
        jitter=setting("training.jitter"),
        negative_ratio=setting("training.negative_ratio"),
        outlier_quantile=setting("training.outlier_quantile"),
        seed=setting("seed"),
    shell:
        "python -m bpflow select chrombpnet --genome {input.genome} --signal {input.signal:q}"
        " --peaks {input.peaks} --nonpeaks {input.nonpeaks} --fold {input.fold}"
        " --negative-ratio {params.negative_ratio} --outlier-quantile {params.outlier_quantile}"
        " --jitter {params.jitter} --input-length {params.input_length} --output-length {params.output_length}"
        " --seed {params.seed} --output-peaks {output.peaks} --output-nonpeaks {output.nonpeaks}"
        " --output-scaling-nonpeaks {output.scaling} --qc {output.qc} > {log} 2>&1"


rule scale_bias:
    input:
        model=bias_model_of,
        signal=signal_of,
        genome="<results>/genome/genome.json",
        sequence="<results>/genome/genome.seq",
        nonpeaks="<results>/{sample}/fold_{fold}/regions/scaling_nonpeaks.narrowPeak",
        fold="<results>/folds/fold_{fold}.json",
    output:
        model="<results>/{sample}/fold_{fold}/models/bias_scaled.safetensors",
        qc="<results>/{sample}/fold_{fold}/models/bias_scaled.json",
    log:
        "<logs>/scale_bias/{sample}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/scale_bias/{sample}.fold_{fold}.tsv"
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
    shell:
        "python -m bpflow scale-bias --model {input.model:q} --genome {input.genome} --signal {input.signal:q}"
        " --nonpeaks {input.nonpeaks} --fold {input.fold} --batch-size {params.batch_size}"
        " --device {resources.device} --precision {params.precision} --threads {threads}"
        " --output {output.model} --qc {output.qc} > {log} 2>&1"


rule train_chrombpnet:
    input:
        gates=ancient(collect("<results>/{{sample}}/fold_{{fold}}/gates/{gate}.json", gate=["qc", "bias"])),
        bias="<results>/{sample}/fold_{fold}/models/bias_scaled.safetensors",
        signal=signal_of,
        genome="<results>/genome/genome.json",
        sequence="<results>/genome/genome.seq",
        peaks="<results>/{sample}/fold_{fold}/regions/chrombpnet_peaks.narrowPeak",
        nonpeaks="<results>/{sample}/fold_{fold}/regions/chrombpnet_nonpeaks.narrowPeak",
        selection="<results>/{sample}/fold_{fold}/regions/chrombpnet_selection.json",
        fold="<results>/folds/fold_{fold}.json",
    output:
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
        mem_mb=scaled(16000),
        runtime=scaled(1440),
        gpu=gpu,
        device=setting("device"),
    params:
        **training_params("chrombpnet"),
        jitter=setting("training.jitter"),
        negative_ratio=setting("training.negative_ratio"),
    shell:
        "python -m bpflow train chrombpnet --genome {input.genome} --signal {input.signal:q}"
        " --peaks {input.peaks} --nonpeaks {input.nonpeaks} --fold {input.fold} --selection {input.selection}"
        " --bias-model {input.bias} --filters {params.filters} --layers {params.layers}"
        " --input-length {params.input_length} --output-length {params.output_length}"
        " --jitter {params.jitter} --negative-ratio {params.negative_ratio}"
        " --epochs {params.epochs} --patience {params.patience} --batch-size {params.batch_size}"
        " --learning-rate {params.learning_rate} --seed {params.seed}"
        " --device {resources.device} --precision {params.precision} {params.allow_cpu} --threads {threads}"
        " --devices {resources.gpu}"
        " --output {output.model} --output-nobias {output.nobias} --history {output.history} --qc {output.qc}"
        " > {log} 2>&1"


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
