# What models learned: contributions of each base, at once or in parts that run side by side.


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
