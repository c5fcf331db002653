# The configuration as it was resolved, and the page.


rule sister_config:
    output:
        json="<results>/config.json",
    log:
        "<logs>/sister_config/sister_config.log",
    localrule: True
    params:
        # A function, because braces in plain params are taken for wildcards.
        content=lambda wildcards: settings.resolved_sisters(CONFIG, SAMPLES),
    run:
        settings.write_resolved(output.json, params.content)


rule sister_report:
    input:
        config="<results>/config.json",
        content=sister_files(),
    output:
        page=report(
            "<results>/report.html",
            caption="../report/report.rst",
            category="Reports",
            labels={"page": "Whole run"},
        ),
    log:
        "<logs>/sister_report/sister_report.log",
    benchmark:
        "<benchmarks>/sister_report/sister_report.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        system=SYSTEM,
        samples=list(SAMPLES),
        folds=FOLDS,
        title=lambda wildcards: CONFIG["report"]["title"],
        folder=subpath(output.page, parent=True),
    shell:
        "python -m bpflow sister-report --results {params.folder} --system {params.system} --samples {params.samples}"
        " --folds {params.folds} --title={params.title:q} --config {input.config} --output {output.page} > {log} 2>&1"
