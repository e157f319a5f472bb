"""Exports of several people as a batch of two at once, against the same ones by themselves, one after the other."""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from exports.measuring import Measured, Promise, promises, table

WALL, PROCESSOR, MEMORY = 0.55, 0.75, 1.6
"""Promised of a batch with --jobs 2, of what single runs take."""


def exports(folder: Path, number: int, nulls: int | None = None) -> str:
    """Export `number` people both ways; the tables of what that took.

    Parameters
    ----------
    folder : Path
        Where everything is made.
    number : int
    nulls : int, optional
        Randomised networks; without, the usual number.
    """
    from wbtools.subject.demo import write_demo_subject

    ids = [f"{100307 + place}" for place in range(number)]
    for subject in ids:
        write_demo_subject(folder / "study", subject)
        alter(folder / "study" / subject, seed=int(subject))
    how = ["--study-folder", str(folder / "study"), *([] if nulls is None else ["--null", str(nulls)])]
    # Compiled code lies on disk after the first export ever: no part of the comparison.
    single_run(ids[0], folder / "first", how)
    (folder / "list.txt").write_text("\n".join(ids))
    with Measured() as together:
        words = ["batch", "run", folder / "list.txt", "--out", folder / "batch", "--jobs", 2, "--threads", 1, *how]
        _wbtools(*words)
    with Measured() as alone:
        for subject in ids:
            single_run(subject, folder / "single", how)
    return "\n\n".join((compared(together, alone, number), _agreement(folder, ids)))


def compared(together: Measured, alone: Measured, number: int) -> str:
    """The table of both, and that of what is promised of their ratio."""
    rows = [
        (name, f"{seen.wall / number:.1f}", f"{seen.processor / number:.1f}", f"{seen.peak / 1e9:.2f}")
        for name, seen in ((f"{number} with --jobs 2", together), (f"{number} single runs", alone))
    ]
    heads = ("exports", "wall s per export", "processor s per export", "memory GB (proportional, all processes)")
    kept = (
        Promise("processor time, batch / single runs", together.processor / alone.processor, PROCESSOR),
        Promise("wall time, batch / single runs", together.wall / alone.wall, WALL),
        Promise("peak memory, batch / single runs", together.peak / alone.peak, MEMORY),
    )
    return f"{table(heads, rows)}\n\n{promises(kept)}"


def _agreement(folder: Path, ids: list[str]) -> str:
    """That both ways give the same; another number of threads adds in another order: the last digits differ."""
    apart = max(apart_by(folder, f"{subject}/{subject}.unet.regions.tsv") for subject in ids)
    return f"largest difference of a region's share between the two: {apart:.1e}"


def single_run(subject: str, out: Path, how: list[str]) -> None:
    """One export as a user would run it: with all processors."""
    _wbtools("export-subject", subject, "--out", out, *how)


def _wbtools(*words: object) -> None:
    command = [sys.executable, "-m", "wbtools.cli", *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def alter(subject: Path, seed: int) -> None:
    """Give a built-in subject an image of its own, so that no two runs of the benchmark do the same work.

    It then differs enough from the template to be registered with it, as real people are.
    """
    import numpy as np
    from scipy.ndimage import zoom

    from wbtools.images import nifti

    path = next((subject / "T1w").glob("T1w*brain.nii.gz"))
    volume = nifti.read_volume(path)
    coarse = np.random.default_rng(seed).normal(1, 0.25, (9, 11, 9)).astype(np.float32)
    field = zoom(coarse, [n / m for n, m in zip(volume.data.shape, coarse.shape, strict=True)], order=1)
    nifti.write_volume(path, replace(volume, data=volume.data * field.clip(0.3, 1.7)))


def apart_by(folder: Path, name: str) -> float:
    """The largest difference between the shares of two tables."""

    def of(where: str) -> dict[str, float]:
        with (folder / where / name).open() as stream:
            rows = csv.DictReader(stream, delimiter="\t")
            return {row["region"]: float(row["share"]) for row in rows if row["share"] != "n/a"}

    ours, theirs = of("batch"), of("single")
    return max(abs(ours[region] - theirs[region]) for region in theirs)
