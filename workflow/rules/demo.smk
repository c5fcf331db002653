# The embedded demo's data, simulated with a known truth. Only paths under demo/data ask for this rule.


rule demo_data:
    output:
        genome="demo/data/{assay}/genome.fa.gz",
        fragments="demo/data/{assay}/fragments.tsv.gz",
        blacklist="demo/data/{assay}/blacklist.bed",
        truth="demo/data/{assay}/truth/truth.json",
        accessibility="demo/data/{assay}/truth/accessibility.bw",
        bias="demo/data/{assay}/truth/bias.bw",
        sites="demo/data/{assay}/truth/sites.bed",
        regions="demo/data/{assay}/truth/regions.bed",
        variants="demo/data/{assay}/truth/variants.vcf",
    log:
        "<logs>/demo_data/{assay}.log",
    benchmark:
        "<benchmarks>/demo_data/{assay}.tsv"
    wildcard_constraints:
        assay="ATAC|DNASE",
    conda:
        "../../envs/genomics.yaml"
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        folder=subpath(output.genome, parent=True),
    shell:
        'python "$BPFLOW_ROOT/scripts/make_demo_data.py" --assay {wildcards.assay} --output {params.folder} --seed 1'
        " > {log} 2>&1"
