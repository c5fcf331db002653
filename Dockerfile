# The conda environments of all steps, where Snakemake looks for them. Written by 'make dockerfile'.
FROM condaforge/miniforge3:25.3.1-0
LABEL io.github.snakemake.containerized="true"
LABEL io.github.snakemake.conda_env_hash="2fe1b4d131ac600ff5eace13263990e421099224e6ab869c737e8e4ae9df45b5"
# Conda environment:
#   source: envs/genomics.yaml
#   prefix: /conda-envs/27bde37b1fa2b387c380c87d6722ce31
#   # Genome, reads, signal, peaks and regions: no torch. Versions as in requirements.lock.
#   channels:
#     - conda-forge
#     - bioconda
#     - nodefaults
#   dependencies:
#     - python =3.11.14
#     - h5py =3.16.0
#     - macs3 =3.0.4
#     - numpy =2.4.6
#     - pandas =3.1.1
#     - polars =2.1.0
#     - pysam =0.24.1
#     - python-isal =1.9.1
#     - requests =2.34.2
#     - tqdm =4.70.1
#     - urllib3 =2.8.0
RUN mkdir -p /conda-envs/27bde37b1fa2b387c380c87d6722ce31
COPY envs/genomics.yaml /conda-envs/27bde37b1fa2b387c380c87d6722ce31/environment.yaml
# Conda environment:
#   source: envs/report.yaml
#   prefix: /conda-envs/88b2ebe67416af2f3523ffb6fd1f5098
#   # The report. Versions as in requirements.lock.
#   channels:
#     - conda-forge
#     - bioconda
#     - nodefaults
#   dependencies:
#     - python =3.11.14
#     - jinja2 =3.1.6
#     - logomaker =0.8.7
#     - markupsafe =3.0.4
#     - matplotlib =3.11.2
#     - numpy =2.4.6
#     - pandas =3.1.1
#     - plotly =7.1.0
#     - pysam =0.24.1
#     - python-isal =1.9.1
RUN mkdir -p /conda-envs/88b2ebe67416af2f3523ffb6fd1f5098
COPY envs/report.yaml /conda-envs/88b2ebe67416af2f3523ffb6fd1f5098/environment.yaml
# Conda environment:
#   source: envs/torch.yaml
#   prefix: /conda-envs/db85f0256aac36a5c73f982a09a40171
#   # Training, prediction and what is asked of trained models. Versions as in requirements.lock.
#   # On a login node without a GPU, conda would choose PyTorch's build for processors. This makes it choose the one for GPUs:
#   #   CONDA_OVERRIDE_CUDA=12.8 snakemake --cores 1 --sdm conda --conda-create-envs-only
#   channels:
#     - conda-forge
#     - bioconda
#     - nodefaults
#   dependencies:
#     - python =3.11.14
#     - click =8.5.1
#     - h5py =3.16.0
#     - jinja2 =3.1.6
#     - joblib =1.6.0
#     - logomaker =0.8.7
#     - markupsafe =3.0.4
#     - matplotlib =3.11.2
#     - numba =0.68.1
#     - numpy =2.4.6
#     - pandas =3.1.1
#     - pip =25.3
#     - plotly =7.1.0
#     - pydantic =2.14.3
#     - pyfaidx =0.9.2.2
#     - pysam =0.24.1
#     - python-isal =1.9.1
#     - pytorch =2.13.0
#     - safetensors =0.8.0
#     - scikit-learn =1.9.1
#     - scipy =1.17.1
#     - texttable =1.7.2
#     - tqdm =4.70.1
#     # From PyPI, because conda's channels lack some of them. What these need is named here too, so that pip adds nothing.
#     - pip:
#         - figwig ==0.2.0
#         - hdf5plugin ==7.1.0
#         - igraph ==1.0.0
#         - leidenalg ==0.11.0
#         - memelite ==0.5.0
#         - modisco-lite ==3.0.0
#         - numba-progress ==1.2.0
#         - tangermeme ==1.6.0
RUN mkdir -p /conda-envs/db85f0256aac36a5c73f982a09a40171
COPY envs/torch.yaml /conda-envs/db85f0256aac36a5c73f982a09a40171/environment.yaml

RUN conda env create --prefix /conda-envs/27bde37b1fa2b387c380c87d6722ce31 --file /conda-envs/27bde37b1fa2b387c380c87d6722ce31/environment.yaml && \
    conda env create --prefix /conda-envs/88b2ebe67416af2f3523ffb6fd1f5098 --file /conda-envs/88b2ebe67416af2f3523ffb6fd1f5098/environment.yaml && \
    conda env create --prefix /conda-envs/db85f0256aac36a5c73f982a09a40171 --file /conda-envs/db85f0256aac36a5c73f982a09a40171/environment.yaml && \
    conda clean --all -y
