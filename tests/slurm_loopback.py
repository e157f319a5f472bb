"""A real one-node Slurm on 127.0.0.1: no systemd, no cgroups, no accounting, no root. Tests and benchmarks use it.

    apt-get install --no-install-recommends slurmctld slurmd slurm-client munge

`python slurm_loopback.py up DIR` and `... down DIR` start and stop one by hand; then export SLURM_CONF=DIR/slurm.conf.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")
_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))

# munge's own socket and key, and only the loopback interface. `config_overrides` makes more processors than there are.
# Preemption requeues; the warning signal is also sent to tasks that are preempted, as sites with B:TERM@60 have it.
_CONF = """\
ClusterName=loop
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={home}/msock/sock
CredType=cred/munge
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool
SlurmctldPidFile={home}/run/slurmctld.pid
SlurmdPidFile={home}/run/slurmd.pid
SlurmctldLogFile={home}/log/slurmctld.log
SlurmdLogFile={home}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,batch_sched_delay=0,sched_min_interval=100000,bf_interval=2,default_queue_depth=2000
PriorityType=priority/basic
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
JobRequeue=1
KillWait=5
MaxArraySize={largest_array}
MaxJobCount=20000
SlurmctldTimeout=30
SlurmdTimeout=20
InactiveLimit=0
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=5
NodeName=localhost NodeAddr=127.0.0.1 CPUs={processors} RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE State=UP PriorityTier=10 GraceTime=0
PartitionName=low  Nodes=localhost MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=5
"""


def missing() -> list[str]:
    """The programs that are not installed."""
    return [name for name in NEEDED if shutil.which(name, path=_PATH) is None]


class Slurm:
    """One node, one controller. `home` must have a short path: a socket lies in it."""

    def __init__(self, home: Path, processors: int = 8, largest_array: int = 1001) -> None:
        self.home = home.resolve()
        self.environment = {**os.environ, "PATH": _PATH, "SLURM_CONF": str(self.home / "slurm.conf")}
        self._processors, self._largest_array = processors, largest_array

    def up(self) -> Slurm:
        """Start the daemons and wait until the node is idle."""
        for name in ("state", "spool", "log", "run", "munge", "msock"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        (self.home / "munge").chmod(0o700)
        (self.home / "slurm.conf").write_text(
            _CONF.format(
                home=self.home,
                ports=_free_ports(2),
                user=self("id", "-un").strip(),
                processors=self._processors,
                largest_array=self._largest_array,
            )
        )
        self._start_munge()
        self.start("slurmctld")
        self._until(lambda: "is UP" in self("scontrol", "ping"), "the controller does not answer")
        self.start("slurmd")
        self._until(lambda: "idle" in self("sinfo", "-h", "-o", "%T"), "the node does not come up")
        return self

    def down(self) -> None:
        """Cancel all jobs and stop what this object started, by recorded number only."""
        self("scancel", "--quiet", "--user", self("id", "-un").strip())
        for _ in range(100):
            if not self("squeue", "-h").strip():
                break
            time.sleep(0.1)
        for name in ("slurmd", "slurmctld", "munged"):
            self._end(name)

    def start(self, name: str) -> None:
        """Start a daemon; it leaves the foreground by itself."""
        words = {"slurmctld": ["slurmctld", "-i"], "slurmd": ["slurmd", "-N", "localhost"]}[name]
        subprocess.run(words, env=self.environment, check=True, capture_output=True)

    def pid(self, name: str) -> int:
        """The number of a daemon's process."""
        return int((self.home / "run" / f"{name}.pid").read_text())

    def heal(self) -> int:
        """What an administrator does after a crash: nodes resumed, held jobs released; gives how many acts.

        Slurm lets requeued jobs wait for two minutes; tests do not.
        """
        acts = 0
        if any(word in self("sinfo", "-h", "-o", "%T") for word in ("drain", "down")):
            self("scontrol", "update", "nodename=localhost", "state=resume")
            acts += 1
        for line in self("squeue", "-h", "-r", "-o", "%i|%r").splitlines():
            job, _, reason = line.partition("|")
            if "held" in reason:
                self("scontrol", "release", job)
                acts += 1
            if "held" in reason or reason == "BeginTime":
                self("scontrol", "update", f"jobid={job}", "StartTime=now")
        return acts

    def __call__(self, *words: str) -> str:
        """What a program prints; failures print nothing."""
        return subprocess.run(words, env=self.environment, capture_output=True, text=True).stdout

    def _start_munge(self) -> None:
        home = self.home / "munge"
        (home / "key").write_bytes(secrets.token_bytes(1024))
        (home / "key").chmod(0o400)
        subprocess.run(
            [
                "munged",
                "--force",
                f"--key-file={home}/key",
                f"--socket={self.home}/msock/sock",
                f"--pid-file={self.home}/run/munged.pid",
                f"--log-file={home}/log",
                f"--seed-file={home}/seed",
                "--num-threads=2",
            ],
            env=self.environment,
            check=True,
            capture_output=True,
        )

    def _end(self, name: str) -> None:
        try:
            pid = self.pid(name)
            os.kill(pid, signal.SIGTERM)
            for _ in range(100):
                os.kill(pid, 0)
                time.sleep(0.1)
            os.kill(pid, signal.SIGKILL)
        except (OSError, ValueError):
            pass

    def _until(self, condition: Callable[[], object], otherwise: str) -> None:
        for _ in range(300):
            if condition():
                return
            time.sleep(0.1)
        raise RuntimeError(f"{otherwise}: {self('tail', '-n', '5', *map(str, (self.home / 'log').glob('*.log')))}")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports


if __name__ == "__main__":
    getattr(Slurm(Path(sys.argv[2])), {"up": "up", "down": "down"}[sys.argv[1]])()
