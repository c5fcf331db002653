# Contributions in parts that run side by side, and their gathering.


use rule contributions as contribution_parts with:
    output:
        counts=temp("<results>/{sample}/fold_{fold}/contributions/{view}/parts/{part}/counts.h5"),
        profile=temp("<results>/{sample}/fold_{fold}/contributions/{view}/parts/{part}/profile.h5"),
        qc=temp("<results>/{sample}/fold_{fold}/contributions/{view}/parts/{part}/contributions.json"),
    log:
        "<logs>/contribution_parts/{sample}.fold_{fold}.{view}.{part}.log",
    benchmark:
        "<benchmarks>/contribution_parts/{sample}.fold_{fold}.{view}.{part}.tsv"
    wildcard_constraints:
        sample=one_of(DIVIDED["contributions"]),
    params:
        part=lambda wildcards: f"--part {wildcards.part}/{configured(wildcards.sample, 'contributions.parts')}",


rule gather_contributions:
    input:
        parts=parts_of(
            "<results>/{{sample}}/fold_{{fold}}/contributions/{{view}}/parts/{part}/{head}.h5",
            "contributions.parts",
            head=HEADS,
        ),
    output:
        counts="<results>/{sample}/fold_{fold}/contributions/{view}/counts.h5",
        profile="<results>/{sample}/fold_{fold}/contributions/{view}/profile.h5",
        counts_track="<results>/{sample}/fold_{fold}/contributions/{view}/counts.bw",
        profile_track="<results>/{sample}/fold_{fold}/contributions/{view}/profile.bw",
        qc="<results>/{sample}/fold_{fold}/contributions/{view}/contributions.json",
    log:
        "<logs>/gather_contributions/{sample}.fold_{fold}.{view}.log",
    benchmark:
        "<benchmarks>/gather_contributions/{sample}.fold_{fold}.{view}.tsv"
    wildcard_constraints:
        sample=one_of(DIVIDED["contributions"]),
    conda:
        "../../envs/torch.yaml"
    threads: 2
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(120),
    params:
        genome=GENOME_FILE,
        parts=lambda wildcards, input: sorted({os.path.dirname(path) for path in input.parts}),
        folder=subpath(output.counts, parent=True),
    shell:
        "python -m bpflow gather-contributions --inputs {params.parts} --genome {params.genome} --bigwigs"
        " --threads {threads} --output-dir {params.folder} > {log} 2>&1"
