# What models learned: contributions of each base, and the motifs in them.


rule contributions:
    input:
        judged=judged_models(["{fold}"]),
        model="<results>/{sample}/fold_{fold}/models/chrombpnet.safetensors",
        peaks="<results>/{sample}/peaks/peaks.narrowPeak",
    output:
        counts="<results>/{sample}/fold_{fold}/contributions/{view}/counts.h5",
        profile="<results>/{sample}/fold_{fold}/contributions/{view}/profile.h5",
        counts_track="<results>/{sample}/fold_{fold}/contributions/{view}/counts.bw",
        profile_track="<results>/{sample}/fold_{fold}/contributions/{view}/profile.bw",
        qc="<results>/{sample}/fold_{fold}/contributions/{view}/contributions.json",
    log:
        "<logs>/contributions/{sample}.fold_{fold}.{view}.log",
    benchmark:
        "<benchmarks>/contributions/{sample}.fold_{fold}.{view}.tsv"
    wildcard_constraints:
        sample=one_of(undivided("contributions")),
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        **on_device(),
        mem_mb=scaled(8000),
        runtime=scaled(1440),
        stop=stopping(),
    params:
        genome=GENOME_FILE,
        results=results_folder,
        regions=setting("contributions.regions"),
        references=setting("contributions.references"),
        view="{view}",
        stage="model",
        part="--bigwigs",
        split="",
        seed=setting("seed"),
        folder=subpath(output.counts, parent=True),
    shell:
        "python -m bpflow gate --results {params.results} --sample {wildcards.sample} --folds {wildcards.fold}"
        " --stage {params.stage} --stop {resources.stop} > {log} 2>&1 && "
        "python -m bpflow contributions --model {input.model} --view {params.view} --genome {params.genome}"
        " --regions {input.peaks} --max-regions {params.regions} --references {params.references} {params.split}"
        " {params.part} --seed {params.seed} --device {resources.device} --threads {threads}"
        " --output-dir {params.folder} >> {log} 2>&1"


# Less noise than any fold has; of one fold, its own.
rule average_contributions:
    input:
        folds=collect(
            "<results>/{{sample}}/fold_{fold}/contributions/{{view}}/{head}.h5",
            fold=FOLDS,
            head=HEADS,
        ),
    output:
        counts="<results>/{sample}/mean/contributions/{view}/counts.h5",
        profile="<results>/{sample}/mean/contributions/{view}/profile.h5",
        counts_track="<results>/{sample}/mean/contributions/{view}/counts.bw",
        profile_track="<results>/{sample}/mean/contributions/{view}/profile.bw",
        qc="<results>/{sample}/mean/contributions/{view}/contributions.json",
    log:
        "<logs>/average_contributions/{sample}.{view}.log",
    benchmark:
        "<benchmarks>/average_contributions/{sample}.{view}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 2
    resources:
        mem_mb=scaled(4000),
        runtime=scaled(120),
    params:
        genome=GENOME_FILE,
        folds=lambda wildcards, input: sorted({os.path.dirname(path) for path in input.folds}),
        folder=subpath(output.counts, parent=True),
    shell:
        "python -m bpflow average-contributions --inputs {params.folds} --genome {params.genome} --bigwigs"
        " --threads {threads} --output-dir {params.folder} > {log} 2>&1"


rule motifs:
    input:
        contributions="<results>/{sample}/mean/contributions/{view}/{head}.h5",
        database=given_file("motifs.database"),
    output:
        modisco="<results>/{sample}/mean/motifs/{view}/{head}/modisco.h5",
        table="<results>/{sample}/mean/motifs/{view}/{head}/motifs.tsv",
        meme="<results>/{sample}/mean/motifs/{view}/{head}/motifs.meme",
        instances="<results>/{sample}/mean/motifs/{view}/{head}/instances.bed.gz",
        qc="<results>/{sample}/mean/motifs/{view}/{head}/motifs.json",
    log:
        "<logs>/motifs/{sample}.{view}.{head}.log",
    benchmark:
        "<benchmarks>/motifs/{sample}.{view}.{head}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: setting("motifs.threads")
    resources:
        mem_mb=scaled(32000),
        runtime=scaled(720),
    params:
        window=setting("motifs.window"),
        seqlets=setting("motifs.seqlets"),
        database=option_of("--database", "motifs.database"),
        folder=subpath(output.table, parent=True),
    shell:
        "python -m bpflow motifs --contributions {input.contributions} {params.database} {input.database:q}"
        " --window {params.window} --max-seqlets {params.seqlets} --threads {threads}"
        " --output-dir {params.folder} > {log} 2>&1"
