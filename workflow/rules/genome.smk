# The genome, encoded once for all other steps.


rule genome:
    input:
        fasta=GENOME["fasta"],
    output:
        json="<results>/genome/genome.json",
        sequence="<results>/genome/genome.seq",
        sizes="<results>/genome/chrom.sizes",
    log:
        "<logs>/genome/genome.log",
    benchmark:
        "<benchmarks>/genome/genome.tsv"
    conda:
        "../../envs/genomics.yaml"
    threads: 1
    resources:
        mem_mb=scaled(8000),
        runtime=scaled(60),
    params:
        chromosomes=chromosome_option,
    shell:
        "python -m bpflow genome --fasta {input.fasta:q} --chromosomes={params.chromosomes:q} --output {output.json}"
        " > {log} 2>&1"
