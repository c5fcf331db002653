# Reads to a base-resolution bigWig of cut sites, once a sample and shared by all its folds.


rule signal:
    input:
        reads=lambda wildcards: SAMPLES[wildcards.sample].reads,
        genome="<results>/genome/genome.json",
    output:
        bigwig="<results>/{sample}/signal/insertions.bw",
        qc="<results>/{sample}/signal/signal.json",
    log:
        "<logs>/signal/{sample}.log",
    benchmark:
        "<benchmarks>/signal/{sample}.tsv"
    wildcard_constraints:
        sample=one_of(name for name, sample in SAMPLES.items() if sample.reads),
    conda:
        "../../envs/genomics.yaml"
    threads: 4
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(240),
    params:
        assay=assay_of(),
        format=of_sample(lambda sample: sample.format),
        shift=of_sample(lambda sample: sample.shifts),
        shift_check=setting("shift_check"),
        min_mapq=setting("reads.min_mapq"),
        exclude_flags=setting("reads.exclude_flags", lambda flags: ",".join(flags) or "none"),
        seed=setting("seed"),
    shell:
        "python -m bpflow signal --reads {input.reads:q} --format {params.format} --assay {params.assay}"
        " --input-shift {params.shift} --shift-check {params.shift_check}"
        " --min-mapq {params.min_mapq} --exclude-flags {params.exclude_flags}"
        " --genome {input.genome} --output {output.bigwig} --qc {output.qc}"
        " --seed {params.seed} --threads {threads} > {log} 2>&1"


# One bigWig for each read file, for peaks that replicates must agree on.
use rule signal as signal_replicate with:
    input:
        reads=replicate_reads,
        genome="<results>/genome/genome.json",
    output:
        bigwig="<results>/{sample}/signal/replicates/{replicate}.bw",
        qc="<results>/{sample}/signal/replicates/{replicate}.json",
    log:
        "<logs>/signal_replicate/{sample}.{replicate}.log",
    benchmark:
        "<benchmarks>/signal_replicate/{sample}.{replicate}.tsv"
    wildcard_constraints:
        replicate=r"\d+",
    params:
        assay=assay_of(),
        format=of_sample(lambda sample: sample.format),
        shift=replicate_shift,
        shift_check=setting("shift_check"),
        min_mapq=setting("reads.min_mapq"),
        exclude_flags=setting("reads.exclude_flags", lambda flags: ",".join(flags) or "none"),
        seed=setting("seed"),


# A bigWig that was made elsewhere is not made again, only checked.
rule check_signal:
    input:
        bigwig=lambda wildcards: SAMPLES[wildcards.sample].signal,
        genome="<results>/genome/genome.json",
    output:
        qc="<results>/{sample}/signal/signal.json",
    log:
        "<logs>/check_signal/{sample}.log",
    benchmark:
        "<benchmarks>/check_signal/{sample}.tsv"
    wildcard_constraints:
        sample=one_of(name for name, sample in SAMPLES.items() if sample.signal),
    conda:
        "../../envs/genomics.yaml"
    threads: 1
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(60),
    params:
        assay=assay_of(),
    shell:
        "python -m bpflow check-signal --signal {input.bigwig:q} --assay {params.assay} --genome {input.genome}"
        " --qc {output.qc} > {log} 2>&1"
