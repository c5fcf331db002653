# What may be asked for beside the whole way.


# Signal and regions with a first report, before anything is trained.
rule qc:
    input:
        "<results>/qc.html",
        collect("<results>/{sample}/qc.html", sample=SAMPLES),


# Bias models and their metrics.
rule bias:
    input:
        collect(
            "<results>/{sample}/fold_{fold}/evaluation/bias_metrics.json",
            sample=SAMPLES,
            fold=FOLDS,
        ),
        collect("<results>/{sample}/bias.html", sample=SAMPLES),


# All models.
rule train:
    input:
        collect(
            "<results>/{sample}/fold_{fold}/models/{model}.safetensors",
            sample=MODELLED,
            fold=FOLDS,
            model=["bias_scaled", "chrombpnet", "chrombpnet_nobias"],
        ),
        official_files(),
