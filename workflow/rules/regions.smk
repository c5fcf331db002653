# Peaks of each sample, and their GC-matched background within each fold's splits.


rule peaks:
    input:
        signal=signal_of,
        # A given bigWig that does not pass its check goes no further.
        checked="<results>/{sample}/signal/signal.json",
        genome="<results>/genome/genome.json",
        sequence="<results>/genome/genome.seq",
        given=lambda wildcards: SAMPLES[wildcards.sample].peaks or [],
        replicates=replicate_signals,
        blacklist=GENOME["blacklist"] or [],
    output:
        peaks="<results>/{sample}/peaks/peaks.narrowPeak",
        qc="<results>/{sample}/peaks/peaks.json",
    log:
        "<logs>/peaks/{sample}.log",
    benchmark:
        "<benchmarks>/peaks/{sample}.tsv"
    conda:
        "../../envs/genomics.yaml"
    threads: 2
    resources:
        mem_mb=scaled(16000),
        runtime=scaled(240),
    params:
        given=lambda wildcards, input: "--peaks" if input.given else "",
        replicates=lambda wildcards, input: "--replicates" if input.replicates else "",
        blacklist="--blacklist" if GENOME["blacklist"] else "",
        max=PEAKS["max"],
        p_value=PEAKS["p_value"],
        reproducible=PEAKS["reproducible"],
        input_length=MODEL["input_length"],
        seed=CONFIG["seed"],
    shell:
        "python -m bpflow peaks --signal {input.signal:q} --genome {input.genome}"
        " {params.given} {input.given:q} {params.replicates} {input.replicates} {params.blacklist} {input.blacklist:q}"
        " --max {params.max} --p-value {params.p_value} --reproducible {params.reproducible}"
        " --input-length {params.input_length} --seed {params.seed}"
        " --output {output.peaks} --qc {output.qc} > {log} 2>&1"


rule nonpeaks:
    input:
        genome="<results>/genome/genome.json",
        sequence="<results>/genome/genome.seq",
        peaks="<results>/{sample}/peaks/peaks.narrowPeak",
        fold="<results>/folds/fold_{fold}.json",
        blacklist=GENOME["blacklist"] or [],
    output:
        nonpeaks="<results>/{sample}/fold_{fold}/regions/nonpeaks.narrowPeak",
        qc="<results>/{sample}/fold_{fold}/regions/nonpeaks.json",
    log:
        "<logs>/nonpeaks/{sample}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/nonpeaks/{sample}.fold_{fold}.tsv"
    group:
        "regions"
    conda:
        "../../envs/genomics.yaml"
    threads: 1
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(60),
    params:
        blacklist="--blacklist" if GENOME["blacklist"] else "",
        input_length=MODEL["input_length"],
        stride=NONPEAKS["stride"],
        ratio=NONPEAKS["ratio"],
        seed=CONFIG["seed"],
    shell:
        "python -m bpflow nonpeaks --genome {input.genome} --peaks {input.peaks} --fold {input.fold}"
        " {params.blacklist} {input.blacklist:q}"
        " --input-length {params.input_length} --stride {params.stride} --ratio {params.ratio} --seed {params.seed}"
        " --output {output.nonpeaks} --qc {output.qc} > {log} 2>&1"
