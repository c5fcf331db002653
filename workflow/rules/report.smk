# The pages, built from the small files beside each product and from nothing else.


# Only the report asks for this, so that a changed key retrains what depends on it and nothing more.
rule resolved_config:
    output:
        json="<results>/config.json",
    log:
        "<logs>/resolved_config/resolved_config.log",
    localrule: True
    params:
        # Functions, because braces in plain params are taken for wildcards.
        config=lambda wildcards: CONFIG,
        samples=lambda wildcards: [str(sample) for sample in SAMPLES.values()],
        version=__version__,
    run:
        settings.write_resolved(output.json, CONFIG, list(SAMPLES.values()))


rule qc_report:
    input:
        config="<results>/config.json",
        content=qc_files(),
    output:
        page=report(
            "<results>/qc.html",
            caption="../report/qc.rst",
            category="Reports",
            labels={"page": "Signal and regions"},
        ),
    log:
        "<logs>/qc_report/qc_report.log",
    benchmark:
        "<benchmarks>/qc_report/qc_report.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        **report_params(),
        stage="qc",
        folder=subpath(output.page, parent=True),
    shell:
        "python -m bpflow report --results {params.folder} --samples {params.samples} --folds {params.folds}"
        " --stage {params.stage} --title {params.title:q} --config {input.config} --output {output.page} {params.pdf}"
        " > {log} 2>&1"


use rule qc_report as full_report with:
    input:
        config="<results>/config.json",
        content=qc_files() + model_files() + track_files() + mean_records(),
    output:
        **printed_report(),
        page=report(
            "<results>/report.html",
            caption="../report/report.rst",
            category="Reports",
            labels={"page": "Whole run"},
        ),
    log:
        "<logs>/full_report/full_report.log",
    benchmark:
        "<benchmarks>/full_report/full_report.tsv"
    params:
        **report_params(),
        stage="all",
        folder=subpath(output.page, parent=True),
