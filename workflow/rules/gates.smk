# Gates between stages: where a verdict failed that must not, the run stops before more is spent on that fold.
#
# A gate has no inputs but records that are made beside what the step behind it needs, so that it is never remade while
# that step is not. Were it over all folds, or made anew where the configuration changes, Snakemake would either train
# anew what is behind it or overlook that this must be done for another reason.


# A stopped run leaves the page of what it knew. It is no declared output, since Snakemake removes those of a failed job.
rule gate:
    input:
        records=gate_records,
    output:
        qc="<results>/{sample}/fold_{fold}/gates/{gate}.json",
    log:
        "<logs>/gate_{gate}/{sample}.fold_{fold}.log",
    benchmark:
        "<benchmarks>/gate_{gate}/{sample}.fold_{fold}.tsv"
    # To ask again changes nothing.
    retries: 0
    # It reads a few small files.
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
        stop=stopping,
    params:
        results=subpath(output.qc, ancestor=4),
        page=lambda wildcards: f"{CONFIG['results']}/{wildcards.sample}/fold_{wildcards.fold}/{wildcards.gate}.html",
    shell:
        "python -m bpflow gate --sample {wildcards.sample} --records {input.records} --stop {resources.stop}"
        " --page {params.page} --output {output.qc} > {log} 2>&1 || {{ python -m bpflow report --results {params.results}"
        " --samples {wildcards.sample} --folds {wildcards.fold} --stage {wildcards.gate} --output {params.page}"
        " >> {log} 2>&1; exit 2; }}"
