# Fragments of single cells to one file for each cluster, in one pass over a row's files.

# A rule for each row, since the clusters among its outputs are its own.
for row, cells in CELLS.items():

    rule:
        name:
            f"split_fragments_{row}"
        input:
            fragments=cells.fragments,
            barcodes=cells.barcodes,
        output:
            clusters=clusters_of(row),
            qc=f"<results>/{row}/clusters/split.json",
        log:
            f"<logs>/split_fragments/{row}.log",
        benchmark:
            f"<benchmarks>/split_fragments/{row}.tsv"
        conda:
            "../../envs/genomics.yaml"
        threads: 4
        resources:
            mem_mb=scaled(8000),
            runtime=scaled(240),
        params:
            format=cells.format,
            folder=subpath(output.qc, parent=True),
        shell:
            "python -m bpflow split --fragments {input.fragments:q} --barcodes {input.barcodes:q}"
            " --format {params.format} --output-dir {params.folder} --qc {output.qc} --threads {threads} > {log} 2>&1"
