# The genome: fetched if it is known by name, and encoded once for all other steps.


# On the machine that Snakemake runs on: nodes of a cluster often have no network.
rule fetch_genome:
    input:
        catalogue=ancient(GENOME["catalogue"]) if GENOME["catalogue"] else [],
    output:
        record="<results>/genome/fetched/fetched.json",
        files=list(FETCHED),
    log:
        "<logs>/fetch_genome/fetch_genome.log",
    benchmark:
        "<benchmarks>/fetch_genome/fetch_genome.tsv"
    localrule: True
    conda:
        "../../envs/genomics.yaml"
    params:
        name=GENOME["name"],
        parts=[file.part for file in FETCHED.values()],
        # What is published elsewhere now is fetched anew.
        addresses=[file.address for file in FETCHED.values()],
        catalogue="--catalogue" if GENOME["catalogue"] else "",
        folder=subpath(output.record, parent=True),
    shell:
        "python -m bpflow fetch-genome {params.name} --parts {params.parts} {params.catalogue} {input.catalogue:q}"
        " --output-dir {params.folder} > {log} 2>&1"


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
