# The pages, built from the small files beside each product and from nothing else.


# Only pages ask for this, so that a changed key retrains what depends on it and nothing more.
rule resolved_config:
    output:
        json="<results>/config.json",
    log:
        "<logs>/resolved_config/resolved_config.log",
    localrule: True
    params:
        # A function, because braces in plain params are taken for wildcards.
        content=lambda wildcards: settings.resolved(CONFIG, list(SAMPLES.values())),
    run:
        settings.write_resolved(output.json, params.content)


rule qc_report:
    input:
        config="<results>/config.json",
        content=qc_files(SAMPLES),
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
        **report_params(list(SAMPLES)),
        stage="qc",
        sample_pages="--sample-pages qc.html",
        folder=subpath(output.page, parent=True),
    shell:
        "python -m bpflow report --results {params.folder} --samples {params.samples} --folds {params.folds}"
        " --stage {params.stage} --title={params.title:q} --config {input.config} {params.sample_pages}"
        " --output {output.page} {params.pdf} > {log} 2>&1"


use rule qc_report as full_report with:
    input:
        config="<results>/config.json",
        pages=collect("<results>/{sample}/report.html", sample=MODELLED),
        comparison=["<results>/comparison.json"] if len(MODELLED) > 1 else [],
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
        **report_params(MODELLED),
        stage="all",
        sample_pages="--sample-pages report.html",
        folder=subpath(output.page, parent=True),


# One sample by itself: qc, bias and model as soon as that stage is done, report at the end.
use rule qc_report as sample_page with:
    input:
        config="<results>/config.json",
        content=lambda wildcards: PAGES[wildcards.page]([wildcards.sample]),
    output:
        page=report(
            "<results>/{sample}/{page}.html",
            caption="../report/sample.rst",
            category="Reports",
            labels={"page": "{page} of {sample}"},
        ),
    log:
        "<logs>/sample_page/{sample}.{page}.log",
    benchmark:
        "<benchmarks>/sample_page/{sample}.{page}.tsv"
    params:
        samples="{sample}",
        pdf="",
        folds=FOLDS,
        title=lambda wildcards: f"{REPORT['title']}: {wildcards.sample}",
        stage=lambda wildcards: "all" if wildcards.page == "report" else wildcards.page,
        sample_pages="",
        folder=subpath(output.page, ancestor=2),


rule browser_files:
    input:
        genome="<results>/genome/genome.json",
        tracks=track_files(MODELLED),
        motifs=of_views("<results>/{sample}/mean/motifs/{view}/{head}/instances.bed.gz", MODELLED, head=HEADS),
    output:
        **({} if REPORT["genome_name"] else {"sequence": "<results>/browser/genome.2bit"}),
        hub="<results>/browser/hub.txt",
        session="<results>/browser/igv_session.xml",
    log:
        "<logs>/browser_files/browser_files.log",
    benchmark:
        "<benchmarks>/browser_files/browser_files.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(30),
    params:
        samples=MODELLED,
        # Functions, because braces in plain params are taken for wildcards.
        title=lambda wildcards: REPORT["title"],
        genome_name=f"--genome-name {REPORT['genome_name']}" if REPORT["genome_name"] else "",
        email=lambda wildcards: f"--email={shlex.quote(REPORT['email'])}" if REPORT["email"] else "",
        folder=subpath(output.hub, parent=True),
        results=subpath(output.hub, ancestor=2),
    shell:
        "python -m bpflow hub --results {params.results} --samples {params.samples} --genome {input.genome}"
        " {params.genome_name} {params.email} --title={params.title:q} --output-dir {params.folder} > {log} 2>&1"
