# Configuration and sample sheet of BPNets, ProCapNets and Basenji2s.

try:
    settings.require_plain_braces(ROOT)
    CONFIG = settings.resolve_sister_config(
        config, settings.load_schema(ROOT / "workflow/schemas/sister_config.schema.yaml")
    )
    SAMPLES = settings.read_sister_samples(
        CONFIG["samples"],
        settings.load_schema(ROOT / "workflow/schemas/sister_samples.schema.yaml"),
        CONFIG,
    )
except InputError as error:
    raise WorkflowError(str(error)) from None

SYSTEM = CONFIG["model"]["system"]
FOLDS, GENOME = CONFIG["folds"]["run"], CONFIG["genome"]
FOLDS_MADE_FOR = settings.samples_of_folds(CONFIG["results"]) or list(SAMPLES)
FETCHED = settings.fetched_files(CONFIG)
GENOME_FILE, FOLD_FILE = (f"{CONFIG['results']}/{name}" for name in ("genome/genome.json", "folds/fold_{fold}.json"))
TASKS = list(dict.fromkeys(task for sample in SAMPLES.values() for task in sample.task_names))
prepare_shell(GENOME["cache"], CONFIG["model"]["architecture"])


pathvars:
    results=CONFIG["results"],
    logs=f"{CONFIG['results']}/logs",
    benchmarks=f"{CONFIG['results']}/benchmarks",


wildcard_constraints:
    sample=one_of(SAMPLES),
    fold=one_of(map(str, range(CONFIG["folds"]["n"]))),
    task=one_of(TASKS),
    # Contributions are to a task, where those of a ChromBPNet are to a part of it.
    view=one_of(TASKS),
    head="|".join(HEADS),


def options_of(section, but=()):
    """Options of a command for the keys of a section that say anything; it knows what was published for the others."""
    other = ("system", "architecture", "allow_cpu", *but)
    given = {key: value for key, value in CONFIG[section].items() if value is not None and key not in other}
    values = {key: " ".join(map(str, value)) if isinstance(value, list) else value for key, value in given.items()}
    return " ".join(f"--{key.replace('_', '-')} {value}" for key, value in values.items())


def strands(sample, task):
    """A task's bigWigs, plus and minus: the sheet's, or those made of its reads."""
    given = SAMPLES[sample].task(task)
    if given.plus:
        return [given.plus, given.minus]
    return [f"{CONFIG['results']}/{sample}/signal/{task}.{strand}.bw" for strand in ("plus", "minus")]


def strands_of_task(wildcards):
    return strands(wildcards.sample, wildcards.task)


def of_tasks(pattern, **wildcards):
    """A file of each task of each sample."""
    return [
        path
        for name, sample in SAMPLES.items()
        for path in collect(pattern, sample=name, task=sample.task_names, **wildcards)
    ]


def sister_files():
    """What a run ends with, beside its page."""
    if SYSTEM == "basenji2":
        files = ["bins/metrics.json", *(["bins/recovery.json"] if CONFIG["truth"] else [])]
        return collect("<results>/{sample}/{file}", sample=SAMPLES, file=files)
    files = of_tasks("<results>/{sample}/fold_{fold}/tasks/{task}/metrics.json", fold=FOLDS)
    # Contributions are computed by rules for the layers that are known here.
    if not CONFIG["model"]["architecture"]:
        files += of_tasks("<results>/{sample}/mean/motifs/{task}/{head}/motifs.json", head=HEADS)
    if CONFIG["footprints"]["motifs"] or CONFIG["footprints"]["tf_motifs"] != "none":
        files += of_tasks("<results>/{sample}/fold_{fold}/tasks/{task}/footprints.json", fold=FOLDS)
    if CONFIG["variants"]["file"]:
        files += of_tasks("<results>/{sample}/variants/{task}/variants.json")
    if CONFIG["truth"]:
        files += collect("<results>/{sample}/fold_{fold}/recovery.json", sample=SAMPLES, fold=FOLDS)
    return files


def all_strands(sample):
    """The bigWigs of each task."""
    return [strands(sample, task) for task in SAMPLES[sample].task_names]


def given_peaks(sample):
    """Peaks that the sheet gives for any task of a sample."""
    return [task.peaks for task in SAMPLES[sample].tasks if task.peaks]


def tasks_options(sample):
    """Names and strands of a sample's tasks, as 'bpflow train' reads them."""
    pairs = zip(SAMPLES[sample].task_names, all_strands(sample), strict=True)
    return " ".join(f"--task {name} {' '.join(map(shlex.quote, both))}" for name, both in pairs)


def final_files():
    """What a run ends with."""
    return ["<results>/report.html", *sister_files()]
