# The bias model: what the enzyme does to closed chromatin.


rule select_bias:
    input:
        signal=signal_of(),
        peaks="<results>/{sample}/peaks/peaks.narrowPeak",
        nonpeaks="<results>/{sample}/fold_{fold}/regions/nonpeaks.narrowPeak",
    output:
        peaks="<results>/{sample}/fold_{fold}/regions/bias_peaks.narrowPeak",
        nonpeaks="<results>/{sample}/fold_{fold}/regions/bias_nonpeaks.narrowPeak",
        qc="<results>/{sample}/fold_{fold}/regions/bias_selection.json",
    log:
        "<logs>/select_bias/{sample}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/select_bias/{sample}.fold_{fold}.tsv"
    wildcard_constraints:
        sample=one_of(name for name in SAMPLES if name not in SWEPT),
    conda:
        "../../envs/genomics.yaml"
    threads: 1
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(60),
    params:
        genome=GENOME_FILE,
        fold=FOLD_FILE,
        factor=of_sample(lambda sample: settings.threshold_factor(CONFIG, sample.assay)),
        input_length=setting("model.input_length"),
        output_length=setting("model.output_length"),
        outlier_quantile=setting("training.outlier_quantile"),
    shell:
        "python -m bpflow select bias --genome {params.genome} --signal {input.signal:q}"
        " --peaks {input.peaks} --nonpeaks {input.nonpeaks} --fold {params.fold}"
        " --threshold-factor {params.factor} --outlier-quantile {params.outlier_quantile}"
        " --input-length {params.input_length} --output-length {params.output_length}"
        " --output-peaks {output.peaks} --output-nonpeaks {output.nonpeaks} --qc {output.qc} > {log} 2>&1"


rule train_bias:
    input:
        signal=signal_of(),
        nonpeaks="<results>/{sample}/fold_{fold}/regions/bias_nonpeaks.narrowPeak",
        selection="<results>/{sample}/fold_{fold}/regions/bias_selection.json",
    output:
        model="<results>/{sample}/fold_{fold}/models/bias.safetensors",
        history="<results>/{sample}/fold_{fold}/models/bias.history.tsv",
        qc="<results>/{sample}/fold_{fold}/models/bias.json",
    log:
        "<logs>/train_bias/{sample}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/train_bias/{sample}.fold_{fold}.tsv"
    wildcard_constraints:
        sample=one_of(name for name in SAMPLES if name not in SWEPT),
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        **on_device(),
        mem_mb=scaled(8000),
        runtime=scaled(720),
        stop=stopping(),
    params:
        **training_params("bias"),
    shell:
        "python -m bpflow gate --results {params.results} --sample {wildcards.sample} --folds {wildcards.fold}"
        " --stage qc --stop {resources.stop} > {log} 2>&1 && "
        "python -m bpflow train bias --genome {params.genome} --signal {input.signal:q}"
        " --nonpeaks {input.nonpeaks} --fold {params.fold} --selection {input.selection}"
        " --filters {params.filters} --layers {params.layers}"
        " --input-length {params.input_length} --output-length {params.output_length}"
        " --epochs {params.epochs} --patience {params.patience} --batch-size {params.batch_size}"
        " --learning-rate {params.learning_rate} --seed {params.seed}"
        " --device {resources.device} --precision {params.precision} {params.allow_cpu} --threads {threads}"
        " --devices {resources.gpu}"
        " --output {output.model} --history {output.history} --qc {output.qc} >> {log} 2>&1"
