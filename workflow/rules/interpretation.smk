# What is asked of the models of all folds together: tracks, mutagenesis, loci.


# crossfit: each chromosome by the model that never saw it, for numbers. mean: all models, for looking at.
rule tracks:
    input:
        models=collect("<results>/{{sample}}/fold_{fold}/models/chrombpnet.safetensors", fold=FOLDS),
        signal=signal_of(),
        peaks="<results>/{sample}/peaks/peaks.narrowPeak",
    output:
        collect(
            "<results>/{{sample}}/tracks/{combine}/{track}.bw",
            combine=["crossfit", "mean"],
            track=["observed", "with_bias", "bias", "corrected"],
        ),
    log:
        "<logs>/tracks/{sample}.log",
    benchmark:
        "<benchmarks>/tracks/{sample}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        **on_device(),
        mem_mb=scaled(8000),
        runtime=scaled(480),
    params:
        **inference_params(),
        folds=collect(FOLD_FILE, fold=FOLDS),
        folder=subpath(output[0], ancestor=2),
    shell:
        "python -m bpflow tracks --models {input.models} --folds {params.folds} --genome {params.genome}"
        " --regions {input.peaks} --signal {input.signal:q} --combine crossfit"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --output-dir {params.folder}/crossfit > {log} 2>&1 && "
        "python -m bpflow tracks --models {input.models} --folds {params.folds} --genome {params.genome}"
        " --regions {input.peaks} --signal {input.signal:q} --combine mean"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --output-dir {params.folder}/mean >> {log} 2>&1"


# Where the configuration names regions.
rule mutagenesis:
    input:
        judged=judged_models(FOLDS),
        models=collect("<results>/{{sample}}/fold_{fold}/models/chrombpnet.safetensors", fold=FOLDS),
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
        **on_device(),
        mem_mb=scaled(8000),
        runtime=scaled(240),
        stop=stopping(),
    params:
        **inference_params(),
        results=results_folder,
        folds=FOLDS,
        width=setting("mutagenesis.width"),
    shell:
        "python -m bpflow gate --results {params.results} --sample {wildcards.sample} --folds {params.folds}"
        " --stage model --stop {resources.stop} > {log} 2>&1 && "
        "python -m bpflow mutagenesis --model {input.models} --genome {params.genome} --regions {input.regions:q}"
        " --width {params.width}"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --output {output.effects} >> {log} 2>&1"


# What the report's locus browser shows: loci that the configuration names, and peaks by the rank of their insertions.
rule loci:
    input:
        models=collect("<results>/{{sample}}/fold_{fold}/models/chrombpnet.safetensors", fold=FOLDS),
        signal=signal_of(),
        peaks="<results>/{sample}/peaks/peaks.narrowPeak",
        loci=REPORT["loci"] or [],
        judged=judged_models(FOLDS),
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
        **on_device(),
        mem_mb=scaled(8000),
        runtime=scaled(120),
        stop=stopping(),
    params:
        **inference_params(),
        results=results_folder,
        folds=FOLDS,
        fold_files=collect(FOLD_FILE, fold=FOLDS),
        loci="--loci" if REPORT["loci"] else "",
        peaks=REPORT["peaks_shown"],
        references=setting("contributions.references"),
        seed=setting("seed"),
    shell:
        "python -m bpflow gate --results {params.results} --sample {wildcards.sample} --folds {params.folds}"
        " --stage model --stop {resources.stop} > {log} 2>&1 && "
        "python -m bpflow loci --models {input.models} --folds {params.fold_files} --fold-numbers {params.folds}"
        " --genome {params.genome} --signal {input.signal:q} {params.loci} {input.loci:q}"
        " --regions {input.peaks} --peaks {params.peaks} --references {params.references} --seed {params.seed}"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --output {output.record} >> {log} 2>&1"
