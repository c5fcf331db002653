# What given variants do to predicted accessibility: scored in parts, which are then joined.


rule variant_scores:
    input:
        judged=judged_models(FOLDS),
        models=collect("<results>/{{sample}}/fold_{fold}/models/chrombpnet.safetensors", fold=FOLDS),
        peaks="<results>/{sample}/peaks/peaks.narrowPeak",
        variants=given_file("variants.file"),
    output:
        scores=temp("<results>/{sample}/variants/parts/{part}.h5"),
    log:
        "<logs>/variant_scores/{sample}.{part}.log",
    benchmark:
        "<benchmarks>/variant_scores/{sample}.{part}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        **on_device(),
        mem_mb=scaled(8000),
        runtime=scaled(240),
        stop=stopping(),
    params:
        **inference_params(),
        results=results_folder,
        folds=FOLDS,
        parts=setting("variants.parts"),
        null=setting("variants.null_variants"),
        seed=setting("seed"),
    shell:
        "python -m bpflow gate --results {params.results} --sample {wildcards.sample} --folds {params.folds}"
        " --stage model --stop {resources.stop} > {log} 2>&1 && "
        "python -m bpflow variants --models {input.models} --folds {params.folds} --genome {params.genome}"
        " --variants {input.variants:q} --peaks {input.peaks} --null {params.null} --seed {params.seed}"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --part {wildcards.part}/{params.parts} --scores {output.scores} >> {log} 2>&1"


rule variants:
    input:
        parts=parts_of("<results>/{{sample}}/variants/parts/{part}.h5", "variants.parts"),
        models=collect("<results>/{{sample}}/fold_{fold}/models/chrombpnet.safetensors", fold=FOLDS),
        variants=given_file("variants.file"),
    output:
        figures=directory("<results>/{sample}/variants/figures"),
        table="<results>/{sample}/variants/variants.tsv.gz",
        # Its index lies beside it if the variants are sorted.
        vcf="<results>/{sample}/variants/variants.vcf.gz",
        qc="<results>/{sample}/variants/variants.json",
    log:
        "<logs>/variants/{sample}.log",
    benchmark:
        "<benchmarks>/variants/{sample}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: 8
    resources:
        **on_device(),
        mem_mb=scaled(8000),
        runtime=scaled(120),
    params:
        **inference_params(),
        top=setting("variants.top"),
    shell:
        "python -m bpflow gather-variants --parts {input.parts} --variants {input.variants:q} --genome {params.genome}"
        " --models {input.models} --figures {output.figures} --top {params.top}"
        " --batch-size {params.batch_size} --device {resources.device} --precision {params.precision} --threads {threads}"
        " --output {output.table} --vcf {output.vcf} --qc {output.qc} > {log} 2>&1"
