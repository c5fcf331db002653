"""Nothing that is read is run (docs/security.md): no call in this project executes what a file or a name holds."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = sorted(path for folder in ("src", "scripts") for path in (ROOT / folder).rglob("*.py") if path.is_file())
RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow").rglob("*.smk"))]
# Modules that run what they read, or whose readers trust the sizes and the names in archives.
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "tarfile", "zipfile"}
CALLS = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput", "tempfile.mktemp"),
    *("subprocess.getstatusoutput", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "torch.load", "torch.hub.load"),
    *("pd.read_pickle", "pandas.read_pickle", "torch.jit.load", "keras.models.load_model"),
}
# Options that make a harmless call one that runs what it is given.
# Calls that an option makes harmless: PyTorch then reads tensors and names, and refuses whatever would run.
ALLOWED_WITH = {"torch.load": ("weights_only", True)}
OPTIONS = {("shell", True), ("allow_pickle", True), ("trust_remote_code", True), ("weights_only", False)}


def is_constant(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant)


def offences(code: str) -> list[str]:
    """What a program must not do, with its lines."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            names = [module, *(name.name for name in node.names), *(f"{module}.{name.name}" for name in node.names)]
            found += [(node.lineno, name) for name in names if name.split(".")[0] in MODULES or name in CALLS]
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            options = [(option.arg, option.value.value) for option in node.keywords if is_constant(option.value)]
            found += [(node.lineno, name)] if name in CALLS and ALLOWED_WITH.get(name) not in options else []
            found += [(node.lineno, f"{key}={value}") for key, value in options if (key, value) in OPTIONS]
    return [f"line {line}: {what}" for line, what in found]


def test_no_program_runs_what_it_reads():
    found = {str(path.relative_to(ROOT)): offences(path.read_text(encoding="utf-8")) for path in PROGRAMS}
    assert {path: lines for path, lines in found.items() if lines} == {}
    assert len(found) > 100


def test_offences_are_seen():
    code = "import pickle\nfrom torch import load\nfrom os import system\nyaml.load(x)\nrun(c, shell=True)\neval('1')\n"
    code += "torch.load(x)\ntorch.load(x, weights_only=False)\n"
    assert [text.split(":")[0] for text in offences(code)] == [f"line {line}" for line in (1, 2, 3, 4, 5, 6, 7, 8, 8)]
    assert offences("yaml.safe_load(x)\nmodel.eval()\nre.compile('x')\nrun(c, shell=False)\n") == []
    assert offences("torch.load(x, weights_only=True)\n") == []


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_no_rule_runs_what_it_reads(path):
    # Rules are no Python, so their words are looked at.
    words = set(re.findall(r"[\w.]+(?=\()", path.read_text(encoding="utf-8")))
    assert words & CALLS == set()
    assert re.findall(rf"\b(?:import|from) +(?:{'|'.join(MODULES)})\b", path.read_text(encoding="utf-8")) == []
