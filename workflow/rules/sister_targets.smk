# What may be asked for beside the whole way.


# All models.
rule train:
    input:
        collect(f"<results>/{{sample}}/fold_{{fold}}/models/{SYSTEM}.safetensors", sample=SAMPLES, fold=FOLDS),
