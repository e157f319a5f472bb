"""A Slurm and a Dask scheduler on this machine, and how a command line names them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import slurm_loopback

from wbtools.batch.resources import variables


@dataclass(frozen=True)
class Cluster:
    """What can be asked to compute.

    Parameters
    ----------
    words : tuple of str
        Options that name it.
    environment : mapping
        Variables that it needs.
    heal : callable
        What its administrator does after a crash.
    is_idle : callable
        Whether no job is left in its queue.
    """

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    heal: Callable[[], object] = lambda: None
    is_idle: Callable[[], bool] = lambda: True


def processes() -> Iterator[tuple[int, str]]:
    """Numbers and command lines of everything that runs here."""
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            with suppress(OSError):
                yield int(path.name), (path / "cmdline").read_text().replace("\0", " ").strip()


@contextmanager
def _slurm() -> Iterator[Cluster]:
    missing = slurm_loopback.missing()
    if missing:
        pytest.skip(f"Slurm is not installed ({', '.join(missing)}): apt install slurmctld slurmd slurm-client munge")
    with tempfile.TemporaryDirectory(prefix="slurm") as home:  # short, since a socket lies in it
        started = slurm_loopback.Slurm(Path(home)).up()
        try:
            words = ("--engine", "slurm", "--mem", "1G", "--time", "10:00", "--wait")
            names = ("PATH", "SLURM_CONF")
            yield Cluster(
                words,
                {name: started.environment[name] for name in names},
                started.heal,
                lambda: not started("squeue", "-h").strip(),
            )
        finally:
            started.down()


@contextmanager
def _dask() -> Iterator[Cluster]:
    distributed = pytest.importorskip("distributed", reason="Dask is not installed: pip install wbtools[dask]")
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address=None,
    ) as started:
        yield Cluster(("--engine", "dask", "--scheduler", started.scheduler_address), variables(1))


CLUSTERS = {"slurm": _slurm, "dask": _dask}
"""By their engines."""
