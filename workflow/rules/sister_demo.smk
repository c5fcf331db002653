# The data of sister models' demos, simulated with a known truth. Only paths under demo/data ask for this rule.

SISTER_DEMO_FILES = {
    "procapnet": ["reads.bam", "peaks.bed", "decoys.bed", "truth/motifs.tsv"],
    "bpnet": [
        *collect("{task}.{strand}.bw", task=["alpha", "beta"], strand=["plus", "minus"]),
        *("alpha.bed", "beta.bed", "truth/motifs.tsv"),
    ],
    "basenji2": ["alpha.bw", "beta.bw", "tracks.tsv", "truth/alpha.bw", "truth/beta.bw"],
}[SYSTEM]


rule sister_demo_data:
    output:
        genome=f"demo/data/{SYSTEM}/genome.fa.gz",
        truth=f"demo/data/{SYSTEM}/truth/truth.json",
        files=collect(f"demo/data/{SYSTEM}/{{file}}", file=SISTER_DEMO_FILES),
    log:
        "<logs>/sister_demo_data/sister_demo_data.log",
    benchmark:
        "<benchmarks>/sister_demo_data/sister_demo_data.tsv"
    conda:
        "../../envs/genomics.yaml"
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        system=SYSTEM,
        folder=subpath(output.genome, parent=True),
    shell:
        'python "$BPFLOW_ROOT/scripts/make_sister_demo_data.py" --system {params.system} --output {params.folder}'
        " --seed 1 > {log} 2>&1"
