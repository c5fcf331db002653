# One set of folds for the whole run: a bias model shared by samples must not have seen another one's test chromosomes.


rule folds:
    input:
        genome="<results>/genome/genome.json",
        peaks=collect("<results>/{sample}/peaks/peaks.narrowPeak", sample=FOLDS_MADE_FOR),
        given=CONFIG["folds"]["files"] or [],
    output:
        json="<results>/folds/folds.json",
        folds=collect("<results>/folds/fold_{fold}.json", fold=range(CONFIG["folds"]["n"])),
    log:
        "<logs>/folds/folds.log",
    benchmark:
        "<benchmarks>/folds/folds.tsv"
    conda:
        "../../envs/genomics.yaml"
    threads: 1
    resources:
        mem_mb=scaled(2000),
        runtime=scaled(30),
    params:
        samples=FOLDS_MADE_FOR,
        n=CONFIG["folds"]["n"],
        given="--given" if CONFIG["folds"]["files"] else "",
        folder=subpath(output.json, parent=True),
    shell:
        "python -m bpflow folds --genome {input.genome} --peaks {input.peaks} --samples {params.samples:q} --n {params.n}"
        " {params.given} {input.given:q} --output-dir {params.folder} > {log} 2>&1"
