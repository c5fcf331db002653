# Peaks of each sample, and their GC-matched background within each fold's splits.


rule peaks:
    input:
        signal=signal_of(),
        # A given bigWig that does not pass its check goes no further.
        checked="<results>/{sample}/signal/signal.json",
        genome="<results>/genome/genome.json",
        given=peaks_given_to,
        replicates=lambda wildcards: [] if peaks_given_to(wildcards) else replicate_signals(wildcards),
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
        max=setting("peaks.max"),
        p_value=setting("peaks.p_value"),
        reproducible=setting("peaks.reproducible"),
        input_length=setting("model.input_length"),
        seed=setting("seed"),
    shell:
        "python -m bpflow peaks --signal {input.signal:q} --genome {input.genome}"
        " {params.given} {input.given:q} {params.replicates} {input.replicates} {params.blacklist} {input.blacklist:q}"
        " --max {params.max} --p-value {params.p_value} --reproducible {params.reproducible}"
        " --input-length {params.input_length} --seed {params.seed}"
        " --output {output.peaks} --qc {output.qc} > {log} 2>&1"


# What a sample brings to the peaks that it shares with others.
use rule peaks as own_peaks with:
    input:
        signal=signal_of(),
        checked="<results>/{sample}/signal/signal.json",
        genome="<results>/genome/genome.json",
        given=lambda wildcards: SAMPLES[wildcards.sample].peaks or [],
        replicates=replicate_signals,
        blacklist=GENOME["blacklist"] or [],
    output:
        peaks="<results>/{sample}/peaks/own.narrowPeak",
        qc="<results>/{sample}/peaks/own.json",
    log:
        "<logs>/own_peaks/{sample}.log",
    benchmark:
        "<benchmarks>/own_peaks/{sample}.tsv"


rule consensus_peaks:
    input:
        genome="<results>/genome/genome.json",
        peaks=lambda wildcards: collect(
            "<results>/{sample}/peaks/own.narrowPeak",
            sample=PEAK_SETS[wildcards.peak_set],
        ),
    output:
        peaks="<results>/peak_sets/{peak_set}.narrowPeak",
        qc="<results>/peak_sets/{peak_set}.json",
    log:
        "<logs>/consensus_peaks/{peak_set}.log",
    benchmark:
        "<benchmarks>/consensus_peaks/{peak_set}.tsv"
    conda:
        "../../envs/genomics.yaml"
    threads: 1
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(30),
    params:
        samples=lambda wildcards, input: [
            f"--sample {name} {peaks}" for name, peaks in zip(PEAK_SETS[wildcards.peak_set], input.peaks, strict=True)
        ],
        min_samples=CONFIG["peak_sets"]["min_samples"],
    shell:
        "python -m bpflow consensus {params.samples} --genome {input.genome} --min-samples {params.min_samples}"
        " --output {output.peaks} --qc {output.qc} > {log} 2>&1"


rule nonpeaks:
    input:
        genome="<results>/genome/genome.json",
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
    conda:
        "../../envs/genomics.yaml"
    threads: 1
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(60),
    params:
        blacklist="--blacklist" if GENOME["blacklist"] else "",
        input_length=setting("model.input_length"),
        stride=setting("nonpeaks.stride"),
        ratio=setting("nonpeaks.ratio"),
        seed=setting("seed"),
    shell:
        "python -m bpflow nonpeaks --genome {input.genome} --peaks {input.peaks} --fold {input.fold}"
        " {params.blacklist} {input.blacklist:q}"
        " --input-length {params.input_length} --stride {params.stride} --ratio {params.ratio} --seed {params.seed}"
        " --output {output.nonpeaks} --qc {output.qc} > {log} 2>&1"
