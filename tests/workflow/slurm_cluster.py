"""A SLURM of its own on this machine, for tests: nodes by name, made-up GPUs, no accounting, no systemd, no root."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

# Not on the path of everybody.
DAEMONS_LIE_IN = ("/usr/local/sbin", "/usr/sbin")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo")
START_SECONDS = 60
STOP_SECONDS = 20


class SlurmCluster:
    """What tests ask of a running cluster, and do to it.

    Each node is a slurmd of this machine. Jobs go to the partition `main` of themselves; `spare` is two nodes that may
    be lost, and `patient` one from which jobs of the partition `urgent` drive those that run.

    Parameters
    ----------
    folder
        Where its configuration, state and logs lie; a short path, since it holds sockets.
    cpus
        CPUs of each node, whether this machine has as many or not.
    gpus
        GPUs of each node, which are plain files.
    """

    def __init__(self, folder: Path, cpus: int = 4, gpus: int = 4) -> None:
        self.folder, self.cpus, self.gpus = folder, cpus, gpus
        self.partitions = {"main": ["n1", "n2"], "spare": ["n3", "n4"], "patient": ["n5"]}
        self.nodes = [node for nodes in self.partitions.values() for node in nodes]
        self.config = folder / "slurm.conf"
        self.daemons: dict[str, subprocess.Popen] = {}

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which programs find this cluster."""
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"], *DAEMONS_LIE_IN])
        return {"SLURM_CONF": str(self.config), "PATH": path}

    def ask(self, *command: str) -> str:
        """What a SLURM command answers."""
        done = subprocess.run(
            command, env={**os.environ, **self.environment}, capture_output=True, text=True, check=True, timeout=30
        )
        return done.stdout

    def job(self, number: str) -> dict[str, str]:
        """What SLURM knows of a job."""
        shown = self.ask("scontrol", "show", "job", number, "--oneliner")
        return dict(field.split("=", 1) for field in shown.split() if "=" in field)

    def lose(self, node: str) -> None:
        """Kill all at once what runs on a node, its slurmd too."""
        lost = self._processes(SLURMD_NODENAME=node)
        # None may live to tell of another's death.
        send(lost, signal.SIGSTOP)
        send(lost, signal.SIGKILL)

    def write(self) -> None:
        """Write the configuration."""
        host, user = socket.gethostname().split(".")[0], pwd.getpwuid(os.getuid()).pw_name
        for name in ("bin", "state", *self.nodes):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        # Snakemake's job step starts srun without any SLURM_ variable.
        srun = self.folder / "bin/srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF="{self.config}" exec {find("srun")} "$@"\n')
        srun.chmod(0o755)
        devices = [self.folder / f"gpu{number}" for number in range(self.gpus)]
        for device in devices:
            device.touch()
        (self.folder / "gres.conf").write_text(
            "".join(
                f"NodeName={node} Name=gpu Type=made_up File={device}\n" for node in self.nodes for device in devices
            )
        )
        # Older ones must not be told: they use none where nothing asks for it.
        if slurm_version() >= (23, 2):
            (self.folder / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
        ports = free_ports(1 + len(self.nodes))
        settings = {
            "ClusterName": "test",
            "SlurmctldHost": f"{host}(127.0.0.1)",
            "SlurmctldPort": ports[0],
            "SlurmUser": user,
            "SlurmdUser": user,
            "AuthType": "auth/munge",
            # A job that is requeued waits until its old credential has expired.
            "AuthInfo": f"socket={self.folder}/munge.socket,cred_expire=5",
            "StateSaveLocation": self.folder / "state",
            "SlurmdSpoolDir": f"{self.folder}/%n",
            "SlurmctldPidFile": self.folder / "slurmctld.pid",
            "SlurmdPidFile": f"{self.folder}/%n.pid",
            "ProctrackType": "proctrack/linuxproc",
            "SelectType": "select/cons_tres",
            "SelectTypeParameters": "CR_Core_Memory",
            "GresTypes": "gpu",
            "MpiDefault": "none",
            # Nodes are what is written here, not what the machine is.
            "SlurmdParameters": "config_overrides",
            "ReturnToService": 2,
            "MinJobAge": 3600,
            "OverTimeLimit": 0,
            "KillWait": 10,
            "SlurmdTimeout": 10,
            "PreemptType": "preempt/partition_prio",
            "PreemptMode": "REQUEUE",
        }
        lines = [f"{name}={value}" for name, value in settings.items()]
        lines += [
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={self.cpus} RealMemory=256000"
            f" Gres=gpu:made_up:{self.gpus}"
            for node, port in zip(self.nodes, ports[1:], strict=True)
        ]
        lines += [
            f"PartitionName={name} Nodes={','.join(nodes)} Default={'YES' if name == 'main' else 'NO'}"
            for name, nodes in self.partitions.items()
        ]
        lines += [f"PartitionName=urgent Nodes={','.join(self.partitions['patient'])} PriorityTier=2"]
        self.config.write_text("\n".join(lines) + "\n")

    def start_daemon(self, name: str, *command: str, **environment: str) -> subprocess.Popen:
        """Start a daemon that ends with this process, and keep what it says."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.daemons[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                env={**os.environ, **self.environment, **environment},
                stdout=log,
                stderr=log,
            )
        return self.daemons[name]

    def start_node(self, node: str) -> None:
        """Start a node's slurmd."""
        self.start_daemon(node, "slurmd", "-D", "-N", node, SLURMD_NODENAME=node)

    def wait(self, what: str, is_there: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        """Wait until something is there; fail with the daemons' logs if it never is."""
        until = time.monotonic() + seconds
        while not is_there():
            if time.monotonic() > until:
                logs = "\n".join(f"{path.name}:\n{path.read_text()[-3000:]}" for path in self.folder.glob("*.log"))
                raise TimeoutError(f"{what} after {seconds} s\n{logs}")
            time.sleep(0.1)

    def is_idle(self, *nodes: str) -> bool:
        """Whether nodes are up and have nothing to do."""
        try:
            shown = self.ask("sinfo", "--noheader", "-N", "-o", "%N %T")
        except subprocess.CalledProcessError:
            return False
        return {f"{node} idle" for node in nodes} <= set(shown.splitlines())

    def stop(self) -> None:
        """End all that belongs to this cluster."""
        send(self._processes(), signal.SIGKILL)
        for daemon in self.daemons.values():
            daemon.wait(STOP_SECONDS)

    def _processes(self, **environment: str) -> set[psutil.Process]:
        """Daemons and jobs, known by their environment, and what looks after jobs, which overwrites its own."""
        wanted = {"SLURM_CONF": str(self.config), **environment}.items()
        found = set()
        for process in psutil.process_iter():
            try:
                if process.pid != os.getpid() and wanted <= process.environ().items():
                    found |= {process, *(parent for parent in process.parents() if parent.name() == "slurmstepd")}
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found


def send(processes: Iterable[psutil.Process], kind: signal.Signals) -> None:
    """Send a signal to those that are still there."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(kind)


def find(program: str) -> str | None:
    """Path of a program of SLURM or munge, if it is installed."""
    return shutil.which(program, path=os.pathsep.join([os.environ["PATH"], *DAEMONS_LIE_IN]))


def slurm_version() -> tuple[int, ...]:
    """Release of the SLURM that is installed."""
    shown = subprocess.run([find("slurmctld"), "-V"], capture_output=True, text=True, check=True).stdout
    return tuple(int(number) for number in re.findall(r"\d+", shown)[:2])


def free_ports(number: int) -> list[int]:
    """Ports that nothing listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in sockets]


@contextmanager
def running_cluster(folder: Path) -> Iterator[SlurmCluster]:
    """A cluster that is ready, and stopped at the end."""
    cluster = SlurmCluster(folder)
    cluster.write()
    try:
        cluster.start_daemon(
            "munged",
            *("munged", "--foreground", "--force", "--key-file", f"{folder}/munge.key"),
            *("--socket", f"{folder}/munge.socket", "--pid-file", f"{folder}/munged.pid"),
            *("--seed-file", f"{folder}/munged.seed", "--log-file", f"{folder}/munge.log"),
        )
        cluster.wait("munged does not listen", (folder / "munge.socket").exists)
        cluster.start_daemon("slurmctld", "slurmctld", "-D")
        for node in cluster.nodes:
            cluster.start_node(node)
        cluster.wait("nodes are not idle", lambda: cluster.is_idle(*cluster.nodes))
        yield cluster
    finally:
        cluster.stop()
