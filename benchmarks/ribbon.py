"""Ribbon mapping by wb_command and by wbtools, side by side: time, memory, agreement, growth.

    python benchmarks/ribbon.py                               everything: half an hour
    python benchmarks/ribbon.py --grids 2 --meshes 32k --quick

All input is made from wbtools' built-in subject; the native mesh has 141,612 vertices per side. CPU seconds are those
of one thread. Every figure of wbtools comes from a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from wbtools.anatomy import Hemisphere
from wbtools.atlas import mmp
from wbtools.images import gifti, nifti
from wbtools.space.grid import Grid, Unit
from wbtools.space.resampling import resample_density
from wbtools.subject.demo import write_demo_subject
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.icosphere import icosphere
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.resampling import barycentric
from wbtools.surfaces.ribbon.cache import WeightCache
from wbtools.surfaces.ribbon.columns import Columns
from wbtools.surfaces.ribbon.weights import RibbonWeights
from wbtools.workbench import command
from wbtools.workbench.runner import Workbench

NATIVE_FREQUENCY = 119  # 141,612 vertices, as many as FreeSurfer makes for a person
MESHES = {"32k": ("fsaverage_LR32k", "32k_fs_LR"), "native": ("Native", "native")}
KINDS = {"volume to surface": Columns.THICK, "labels to volume": Columns.THIN}


def main() -> None:
    options = read_options()
    if options.child:
        measure(json.loads(options.child))
        return
    with tempfile.TemporaryDirectory(prefix="wbtools-benchmark-") as name:
        folder = Path(name)
        subject = write_demo_subject(folder / "study", native_frequency=NATIVE_FREQUENCY)
        print(HEADER, flush=True)
        for mesh in options.meshes:
            for voxel in options.grids:
                for side in options.sides:
                    case = make_case(folder / f"{mesh}-{voxel}-{side}", subject, mesh, voxel, Hemisphere(side))
                    for kind in KINDS:
                        print(row(case, mesh, voxel, side, kind), flush=True)
        if not options.quick:
            print(f"\n{memory(folder, subject)}", flush=True)
            print(f"\n{growth(subject)}", flush=True)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grids", nargs="+", type=float, default=[0.7, 1.0, 2.0], help="voxel sizes, mm")
    parser.add_argument("--meshes", nargs="+", choices=list(MESHES), default=list(MESHES))
    parser.add_argument("--sides", nargs="+", choices=["L", "R"], default=["L"])
    parser.add_argument("--quick", action="store_true", help="leave out memory and growth")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


# ------------------------------------------------------------------------------------------------------ one comparison

COLUMNS = (
    "mesh, voxel, side",
    "mapping",
    "wb_command CPU s (wall)",
    "first ever CPU s (wall)",
    "warm CPU s (wall)",
    "warm, whole process",
    "cached, ten maps",
    "ratio",
    "agreement",
)
HEADER = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"


def row(case: Path, mesh: str, voxel: float, side: str, kind: str) -> str:
    """One line of the table: both programs on one input."""
    compiled = tempfile.mkdtemp(dir=case, prefix="numba-")
    task = {"case": str(case), "side": side, "kind": kind, "cached": False}
    cold, warm = run(task, compiled), run(task, compiled)
    ours = np.load(case / "ours.npy")
    run({**task, "cached": True}, compiled)
    cached = run({**task, "cached": True}, compiled)
    reference, cpu, wall = by_workbench(case, Hemisphere(side), kind)
    cells = [
        f"{mesh}, {voxel:g} mm, {side}",
        kind,
        f"{cpu:.1f} ({wall:.1f})",
        *(f"{cost['cpu']:.2f} ({cost['wall']:.2f})" for cost in (cold, warm)),
        f"{warm['process']:.2f}",
        f"{cached['cpu']:.2f} ({cached['wall']:.2f})",
        f"**{cpu / warm['cpu']:.0f}**",
        agreement(ours, reference, kind),
    ]
    return f"| {' | '.join(cells)} |"


def agreement(ours: np.ndarray, reference: np.ndarray, kind: str) -> str:
    if kind == "labels to volume":
        union = (ours > 0) | (reference > 0)
        return f"{(ours == reference)[union].sum():,} of {union.sum():,} voxels equal"
    close = np.abs(ours - reference) <= 0.005 * np.ptp(reference)
    return f"r = {np.corrcoef(ours, reference)[0, 1]:.8f}, {100 * close.mean():.3f} % within 0.5 % of range"


def make_case(case: Path, subject: Path, mesh: str, voxel: float, side: Hemisphere) -> Path:
    """The files of one comparison, under plain names."""
    case.mkdir()
    place, suffix = MESHES[mesh]
    found = {k: subject / "T1w" / place / f"{subject.name}.{side.letter}.{k}.{suffix}.surf.gii" for k in SURFACES}
    for kind, path in found.items():
        (case / f"{kind}.surf.gii").symlink_to(path)
    t1w = nifti.read_volume(subject / "T1w" / "T1w_acpc_dc_restore.nii.gz")
    if voxel != float(t1w.grid.voxel_sizes[0]):
        t1w = resample_density(t1w, t1w.grid.with_spacing(voxel))
    nifti.write_volume(case / "map.nii.gz", t1w)
    keys = mmp.labels_32k(side)
    if mesh == "native":
        spheres = [
            meshes.read(subject / "MNINonLinear" / place / f"{subject.name}.{side.letter}.{name}.surf.gii", side)
            for place, name in (("fsaverage_LR32k", "sphere.32k_fs_LR"), ("Native", "sphere.MSMAll.native"))
        ]
        keys = barycentric(*spheres).labels(keys)
    gifti.write_labels(case / "keys.label.gii", keys, mmp.regions(), side, mmp.ATLAS.name)
    return case


SURFACES = ("white", "midthickness", "pial")


def by_workbench(case: Path, side: Hemisphere, kind: str) -> tuple[np.ndarray, float, float]:
    """What wb_command makes of it, its CPU seconds and its wall time."""
    white, middle, pial = (case / f"{name}.surf.gii" for name in ("white", "midthickness", "pial"))
    volume = case / "map.nii.gz"
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    if kind == "labels to volume":
        made = case / "labels.nii.gz"
        task = command.label_to_volume_ribbon(case / "keys.label.gii", middle, volume, white, pial, made)
    else:
        made = case / "metric.func.gii"
        task = command.volume_to_surface_ribbon(volume, middle, white, pial, made)
    Workbench.find().run(task, threads=1)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if kind == "labels to volume":
        return nifti.read_volume(made, Unit.LABEL).data, cpu, wall
    return next(iter(gifti.read_metrics(made, side).values())), cpu, wall


# ------------------------------------------------------------------------------------------------- wbtools' own process


def run(task: Mapping[str, object], compiled: str) -> dict[str, float]:
    """Do a task in a new process whose compiled code lies in a folder of its own."""
    argv = [sys.executable, __file__, "--child", json.dumps(task)]
    environment = {**os.environ, "NUMBA_CACHE_DIR": compiled, "OMP_NUM_THREADS": "1"}
    printed = subprocess.run(argv, env=environment, check=True, capture_output=True, text=True).stdout
    return {str(key): float(value) for key, value in json.loads(printed).items()}


def measure(task: dict[str, str]) -> None:
    """Do one task in this process; the clock starts when the input is in memory."""
    figures = measured_memory(task) if task["kind"] == "memory" else measured_mapping(task)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({**figures, "process": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss * 1024 / 1e9}))


def measured_mapping(task: dict[str, str]) -> dict[str, float]:
    case, side, columns = Path(task["case"]), Hemisphere(task["side"]), KINDS[task["kind"]]
    white, pial = (meshes.read(case / f"{name}.surf.gii", side) for name in ("white", "pial"))
    volume = nifti.read_volume(case / "map.nii.gz")
    keys = gifti.read_labels(case / "keys.label.gii", side)[0]
    maps = [volume.data] * (10 if task["cached"] else 1)
    between = WeightCache(case / "cache").between if task["cached"] else RibbonWeights.between
    cpu, wall = time.process_time(), time.perf_counter()
    weights = between(white, pial, volume.grid, columns)
    if columns is Columns.THICK or task["cached"]:
        made = weights.to_surface(maps)[0]
    else:
        made = weights.labels_to_volume(keys).volume()
    figures = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    np.save(case / "ours.npy", made)
    return figures


def measured_memory(task: dict[str, str]) -> dict[str, float]:
    """Both native hemispheres side by side, a map to the surface and labels back."""
    subject = Path(task["case"])
    volume = nifti.read_volume(subject / "T1w" / "T1w_acpc_dc_restore.nii.gz")

    def both(side: Hemisphere) -> None:
        white, pial = (
            meshes.read(subject / "T1w" / "Native" / f"{subject.name}.{side.letter}.{k}.native.surf.gii", side)
            for k in ("white", "pial")
        )
        RibbonWeights.between(white, pial, volume.grid, Columns.THICK).to_surface([volume.data])
        keys = np.arange(len(white.vertices)) % 180
        RibbonWeights.between(white, pial, volume.grid, Columns.THIN).labels_to_volume(keys)

    start = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(both, Hemisphere))
    return {"wall": time.perf_counter() - start}


def memory(folder: Path, subject: Path) -> str:
    compiled = tempfile.mkdtemp(dir=folder, prefix="numba-")
    task = {"case": str(subject), "kind": "memory"}
    run(task, compiled)
    found = run(task, compiled)
    return (
        "Two native hemispheres at 0.7 mm in two threads, to the surface and labels back: "
        f"{found['wall']:.1f} s, peak memory {found['peak']:.2f} GB."
    )


# --------------------------------------------------------------------------------------------------------------- growth


def growth(subject: Path) -> str:
    """How the time follows the number of vertices and of voxels: best of three."""
    side = Hemisphere.LEFT
    place = subject / "T1w" / "fsaverage_LR32k"
    standard = [meshes.read(place / f"{subject.name}.L.{k}.32k_fs_LR.surf.gii", side) for k in ("white", "pial")]
    sphere = meshes.read(
        subject / "MNINonLinear" / "fsaverage_LR32k" / f"{subject.name}.L.sphere.32k_fs_LR.surf.gii", side
    )
    grid = nifti.read_grid(subject / "T1w" / "T1w_acpc_dc_restore.nii.gz")
    lines = [
        "| columns | vertices | voxel, mm | CPU s | million sub-voxels | ns per sub-voxel |",
        "|---|---|---|---|---|---|",
    ]
    for columns in Columns:
        for frequency, voxel in ((57, 2.8), (57, 1.4), (57, 0.7), (81, 0.7), (114, 0.7)):
            ball = icosphere(frequency, hemisphere=side)
            weights = barycentric(sphere, ball)
            white, pial = (weights.surface(surface, ball) for surface in standard)
            seconds, counted = timed(white, pial, grid.with_spacing(voxel), columns)
            cells = (columns.value, f"{len(white.vertices):,}", voxel, f"{seconds:.2f}", f"{counted / 1e6:.1f}")
            lines.append(f"| {' | '.join(map(str, cells))} | {seconds / counted * 1e9:.0f} |")
    return "\n".join(lines)


def timed(white: Mesh, pial: Mesh, grid: Grid, columns: Columns) -> tuple[float, float]:
    """CPU seconds for the weights, and how many sub-voxel centres they count."""
    best = np.inf
    for _ in range(3):
        start = time.process_time()
        weights = RibbonWeights.between(white, pial, grid, columns)
        best = min(best, time.process_time() - start)
    return float(best), float(weights.shares.sum(dtype=np.float64)) * 27


if __name__ == "__main__":
    main()
