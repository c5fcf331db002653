from __future__ import annotations

from bpflow.doctor import software
from bpflow.doctor.software import check_software


def findings(executor=None):
    return {finding.name: finding for finding in check_software(executor=executor)}


def test_what_is_installed_here():
    found = findings()
    assert {finding.grade for finding in found.values()} == {"good"}
    assert "torch 2" in found["packages"].found
    assert "SLURM" not in found


def test_what_is_absent_or_old(monkeypatch):
    monkeypatch.setattr(software, "installed", {"snakemake": "8.4.1", "numpy": "2.0"}.get)
    monkeypatch.setattr(software.shutil, "which", lambda _: None)
    found = findings("slurm")
    assert (found["Snakemake"].grade, found["Snakemake"].advice) == ("fail", "Install 9.19 or newer.")
    assert found["SLURM plugin"].grade == found["SLURM"].grade == "fail"
    assert "torch absent" in found["packages"].found
    assert "--sdm conda" in found["packages"].advice
    monkeypatch.setattr(software, "installed", lambda _: None)
    assert findings()["Snakemake"].grade == "fail"
