# What is asked of the models of all folds together: tracks, mutagenesis, loci.


# crossfit: each chromosome by the model that never saw it, for numbers. mean: all models, for looking at.
rule tracks:
    input:
        models=collect("<results>/{{sample}}/fold_{fold}/models/chrombpnet.safetensors", fold=FOLDS),
        folds=collect("<results>/folds/fold_{fold}.json", fold=FOLDS),
        signal=signal_of,
        genome="<results>/genome/genome.json",
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
        **on_device(),
    params:
        **inference_params(),
        folder=subpath(output.observed, parent=True),
    shell:
        "python -m bpflow tracks --models {input.models} --folds {input.folds} --genome {input.genome}"
        " --regions {input.peaks} --signal {input.signal:q} --combine {wildcards.combine}"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --output-dir {params.folder} > {log} 2>&1"


# Where the configuration names regions.
rule mutagenesis:
    input:
        judged=judged_models(FOLDS),
        models=collect("<results>/{{sample}}/fold_{fold}/models/chrombpnet.safetensors", fold=FOLDS),
        genome="<results>/genome/genome.json",
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
        **on_device(),
        stop=stopping(),
    params:
        **inference_params(),
        folds=FOLDS,
        width=setting("mutagenesis.width"),
    shell:
        "python -m bpflow gate --results {CONFIG[results]:q} --sample {wildcards.sample} --folds {params.folds}"
        " --stage model --stop {resources.stop} > {log} 2>&1 && "
        "python -m bpflow mutagenesis --model {input.models} --genome {input.genome} --regions {input.regions:q}"
        " --width {params.width}"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --output {output.effects} >> {log} 2>&1"


# What the report's locus browser shows: loci that the configuration names, and peaks by the rank of their insertions.
rule loci:
    input:
        models=collect("<results>/{{sample}}/fold_{fold}/models/chrombpnet.safetensors", fold=FOLDS),
        folds=collect("<results>/folds/fold_{fold}.json", fold=FOLDS),
        signal=signal_of,
        genome="<results>/genome/genome.json",
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
        mem_mb=scaled(8000),
        runtime=scaled(120),
        **on_device(),
        stop=stopping(),
    params:
        **inference_params(),
        folds=FOLDS,
        loci="--loci" if REPORT["loci"] else "",
        peaks=REPORT["peaks_shown"],
        references=setting("contributions.references"),
        seed=setting("seed"),
    shell:
        "python -m bpflow gate --results {CONFIG[results]:q} --sample {wildcards.sample} --folds {params.folds}"
        " --stage model --stop {resources.stop} > {log} 2>&1 && "
        "python -m bpflow loci --models {input.models} --folds {input.folds} --fold-numbers {params.folds}"
        " --genome {input.genome} --signal {input.signal:q} {params.loci} {input.loci:q}"
        " --regions {input.peaks} --peaks {params.peaks} --references {params.references} --seed {params.seed}"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --output {output.record} >> {log} 2>&1"
