# Predictions that are divided among several jobs, of which none needs to evaluate its part.


rule predict_parts:
    input:
        model=branch(
            lambda wildcards: wildcards.model == "bias",
            then=bias_model_of(),
            otherwise="<results>/{sample}/fold_{fold}/models/{model}.safetensors",
        ),
        peaks="<results>/{sample}/fold_{fold}/regions/{model}_peaks.narrowPeak",
        nonpeaks="<results>/{sample}/fold_{fold}/regions/{model}_nonpeaks.narrowPeak",
    output:
        predictions=temp("<results>/{sample}/fold_{fold}/predictions/{model}/parts/{part}.h5"),
    log:
        "<logs>/predict_parts/{sample}.fold_{fold}.{model}.{part}.log",
    benchmark:
        "<benchmarks>/predict_parts/{sample}.fold_{fold}.{model}.{part}.tsv"
    wildcard_constraints:
        sample=one_of(DIVIDED["predictions"]),
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
        parts=setting("predictions.parts"),
    shell:
        "python -m bpflow predict --model {input.model:q} --genome {params.genome}"
        " --regions {input.peaks} --nonpeaks {input.nonpeaks} --fold {params.fold} --split test"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --part {wildcards.part}/{params.parts} --output {output.predictions} > {log} 2>&1"


rule gather_bias:
    input:
        parts=parts_of(
            "<results>/{{sample}}/fold_{{fold}}/predictions/bias/parts/{part}.h5",
            "predictions.parts",
        ),
        signal=signal_of(),
    output:
        predictions="<results>/{sample}/fold_{fold}/predictions/bias.h5",
        metrics="<results>/{sample}/fold_{fold}/evaluation/bias_metrics.json",
        regions="<results>/{sample}/fold_{fold}/evaluation/bias_regions.tsv.gz",
    log:
        "<logs>/gather_bias/{sample}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/gather_bias/{sample}.fold_{fold}.tsv"
    wildcard_constraints:
        sample=one_of(DIVIDED["predictions"]),
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(120),
    params:
        genome=GENOME_FILE,
        seed=setting("seed"),
    shell:
        "python -m bpflow gather-predictions --parts {input.parts} --output {output.predictions} > {log} 2>&1 && "
        "python -m bpflow evaluate --predictions {output.predictions} --signal {input.signal:q} --genome {params.genome}"
        " --model-kind bias --seed {params.seed} --output {output.metrics} --table {output.regions} >> {log} 2>&1"


rule gather_chrombpnet:
    input:
        parts=parts_of(
            "<results>/{{sample}}/fold_{{fold}}/predictions/chrombpnet/parts/{part}.h5",
            "predictions.parts",
        ),
        model="<results>/{sample}/fold_{fold}/models/chrombpnet.safetensors",
        signal=signal_of(),
        background="<results>/{sample}/fold_{fold}/regions/nonpeaks.narrowPeak",
        motifs=given_file("footprints.motifs"),
    output:
        predictions="<results>/{sample}/fold_{fold}/predictions/chrombpnet.h5",
        metrics="<results>/{sample}/fold_{fold}/evaluation/chrombpnet_metrics.json",
        regions="<results>/{sample}/fold_{fold}/evaluation/chrombpnet_regions.tsv.gz",
        footprints="<results>/{sample}/fold_{fold}/evaluation/footprints.h5",
        qc="<results>/{sample}/fold_{fold}/evaluation/footprints.json",
    log:
        "<logs>/gather_chrombpnet/{sample}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/gather_chrombpnet/{sample}.fold_{fold}.tsv"
    wildcard_constraints:
        sample=one_of(DIVIDED["predictions"]),
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
        assay=assay_of(),
        motifs=option_of("--motifs", "footprints.motifs"),
        tf_motifs=setting("footprints.tf_motifs"),
        backgrounds=setting("footprints.backgrounds"),
        seed=setting("seed"),
    shell:
        "python -m bpflow gather-predictions --parts {input.parts} --output {output.predictions} > {log} 2>&1 && "
        "python -m bpflow evaluate --predictions {output.predictions} --signal {input.signal:q} --genome {params.genome}"
        " --model-kind chrombpnet --seed {params.seed} --output {output.metrics} --table {output.regions} >> {log} 2>&1 && "
        "python -m bpflow footprints --model {input.model} --genome {params.genome} --regions {input.background}"
        " --fold {params.fold} --assay {params.assay} {params.motifs} {input.motifs:q}"
        " --tf-motifs {params.tf_motifs} --backgrounds {params.backgrounds} --seed {params.seed}"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --output {output.footprints} --qc {output.qc} >> {log} 2>&1"
