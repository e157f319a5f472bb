"""What the stages of an export cannot do without: bytes read, written and packed, the network's passes, pixels.

    python benchmarks/exports/physical.py STUDY EXPORT

measures on this machine, in processor seconds of one thread, how long that takes, and prints it as JSON.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from exports.measuring import table
from exports.stages import Stage

LEVEL = 1
"""Of gzip, as wbtools writes."""

REFERENCES, COMPARED = 5, 2
"""Brains that the built-in network's map is a difference from, and those that randomised networks compare with."""

_BLOCK = 1 << 28


@dataclass(frozen=True)
class Speeds:
    """Processor seconds.

    Parameters
    ----------
    copy, read, write, digest : float
        Of a byte that is copied in memory, read from and written to a file, hashed by SHA-256.
    unpack : float
        Of a packed byte that is read.
    pack : float
        Of everything that an export packs, all together.
    pixels : float
        Of all pictures, packed as PNG.
    forward, backward : float
        One pass of the network each.
    volume : int
        Bytes of a map on the T1w's grid.
    """

    copy: float
    read: float
    write: float
    digest: float
    unpack: float
    pack: float
    pixels: float
    forward: float
    backward: float
    volume: int


def passes(nulls: int) -> tuple[int, int]:
    """Passes forward and backward of `deviation-smooth`: of the image and its references, of the network and its nulls.

    Where there are nulls, the network is explained by their two references, too. That the engine could keep the
    image's own pass from the first map to the second is not counted.

    Examples
    --------
    >>> passes(0), passes(8)
    ((6, 5), (33, 23))
    """
    again = nulls + 1 if nulls else 0
    return 1 + REFERENCES + again * (1 + COMPARED), REFERENCES + again * COMPARED


def limit(stage: Stage, speeds: Speeds, nulls: int) -> float:
    """The processor seconds that a stage cannot do without: what it moves, and what its kind of work takes."""
    moving = stage.read * speeds.read + stage.written * speeds.write
    known = WORK.get(kind(stage))
    return moving + (known[1](stage, speeds, nulls) if known else 0.0)


def kind(stage: Stage) -> str:
    """A stage's name without the network's."""
    return next((name for name in OF_NETWORKS if stage.name.startswith(name)), stage.name)


RELEVANCE, REGIONS = "relevance of", "regions of"
OF_NETWORKS = RELEVANCE, REGIONS


Work = Callable[[Stage, Speeds, int], float]


def _unpacked(stage: Stage, speeds: Speeds, nulls: int) -> float:
    return stage.read * speeds.unpack


def _volumes(number: int) -> Work:
    return lambda stage, speeds, nulls: number * speeds.volume * speeds.copy


def _passes(stage: Stage, speeds: Speeds, nulls: int) -> float:
    forward, backward = passes(nulls)
    return forward * speeds.forward + backward * speeds.backward


WORK: Mapping[str, tuple[str, Work]] = {
    "T1w and brain mask": ("unpacks what it reads", _unpacked),
    "T1w and surfaces": ("unpacks what it reads", _unpacked),
    "areas on every mesh": ("unpacks what it reads", _unpacked),
    "atlas in T1w space": ("unpacks what it reads", _unpacked),
    "self-checks": ("a copy of T1w and labels", _volumes(2)),
    RELEVANCE: ("passes of the network", _passes),
    REGIONS: ("a copy of the map", _volumes(1)),
    "maps on the cortex": ("a copy of the map", _volumes(1)),
    "heatmaps": ("copies of two maps", _volumes(2)),
    "brain mask": ("a copy of the T1w", _volumes(1)),
    "cut to the brain": ("a copy of T1w and map", _volumes(2)),
    "files": ("packs what it writes", lambda stage, speeds, nulls: speeds.pack),
    "scenes and pictures": (
        "unpacks what it reads, packs the pixels",
        lambda stage, speeds, nulls: stage.read * speeds.unpack + speeds.pixels,
    ),
    "hashes": ("SHA-256 of what it reads", lambda stage, speeds, nulls: stage.read * speeds.digest),
}
"""By kind of stage: what it cannot do without beside moving bytes."""


def compared(stages: Sequence[Stage], speeds: Speeds, nulls: int) -> str:
    """The table of stages against their limits, those first that are furthest above them in seconds."""
    rows = []
    for stage in sorted(stages, key=lambda stage: limit(stage, speeds, nulls) - stage.processor):
        least = limit(stage, speeds, nulls)
        what, _ = WORK.get(kind(stage), ("moves bytes", None))
        ratio = f"{stage.processor / least:.1f}" if least > 0.0005 else "n/a"
        rows.append((stage.name, f"{stage.processor:.2f}", f"{least:.3f}", ratio, what))
    return table(("stage", "processor s", "limit s", "ratio", "the limit is of a stage that"), rows)


def described(speeds: Speeds) -> str:
    """The measured speeds in words."""
    rates = {"copied in memory": speeds.copy, "read": speeds.read, "written": speeds.write, "hashed": speeds.digest}
    moved = ", ".join(f"{what} {1e-9 / cost:.1f}" for what, cost in rates.items())
    return (
        f"GB per processor second: {moved}; unpacked {1e-6 / speeds.unpack:.0f} MB of packed bytes. "
        f"Packing all files: {speeds.pack:.2f} s; all pictures: {speeds.pixels:.2f} s. "
        f"The network: {speeds.forward:.3f} s forward, {speeds.backward:.3f} s backward."
    )


# ------------------------------------------------------------------------------------------------------------ measuring


def seconds(task: Callable[[], object], times: int = 3) -> float:
    """Processor time of a task, the least of several runs."""
    found = []
    for _ in range(times):
        began = time.process_time()
        task()
        found.append(time.process_time() - began)
    return min(found)


def measured(study: Path, export: Path) -> Speeds:
    """Measure everything on this machine."""
    import numpy as np

    (t1w,) = study.glob("*/T1w/T1w_acpc_dc_restore_brain.nii.gz")
    block = np.random.default_rng(0).bytes(_BLOCK)
    here, there = np.frombuffer(block, np.uint8), np.zeros(_BLOCK, np.uint8)
    packed = t1w.read_bytes()
    forward, backward = network(t1w)
    with tempfile.TemporaryDirectory(dir=export.parent) as name:
        file = Path(name) / "block"
        written = seconds(lambda: file.write_bytes(block))
        read = seconds(file.read_bytes)
    return Speeds(
        copy=seconds(lambda: np.copyto(there, here)) / _BLOCK,
        read=read / _BLOCK,
        write=written / _BLOCK,
        digest=seconds(lambda: hashlib.sha256(block).digest()) / _BLOCK,
        unpack=seconds(lambda: gzip.decompress(packed)) / len(packed),
        pack=sum(packing(path) for path in export.rglob("*") if path.suffix in {".gz", ".gii"}),
        pixels=sum(drawing(path) for path in (export / "figures").glob("*.png")),
        forward=forward,
        backward=backward,
        volume=len(gzip.decompress(next(export.glob("*relevance*.nii.gz")).read_bytes())),
    )


def packing(path: Path) -> float:
    """Seconds to pack the content of a file, as its format packs it."""
    import nibabel

    if path.suffix == ".gz":
        content = gzip.decompress(path.read_bytes())
        return seconds(lambda: gzip.compress(content, LEVEL), 1)
    arrays = [array.data.tobytes() for array in nibabel.load(path).darrays]
    return seconds(lambda: [zlib.compress(array, LEVEL) for array in arrays], 1)


def drawing(path: Path) -> float:
    """Seconds to pack a picture's pixels."""
    from PIL import Image

    with Image.open(path) as image:
        image.load()
        return seconds(lambda: image.save(BytesIO(), "PNG"), 1)


def network(t1w: Path) -> tuple[float, float]:
    """Seconds of a pass forward, and of one backward to the image, of the built-in network."""
    import torch

    from wbtools import load_model
    from wbtools.images import nifti
    from wbtools.model import model_input

    torch.set_num_threads(1)
    model = load_model()
    image = torch.from_numpy(model_input(nifti.read_volume(t1w), model.card).data)
    raw: Callable[[torch.Tensor], torch.Tensor] = model.network.raw

    def forward() -> None:
        with torch.no_grad():
            raw(image)

    watched = image.clone().requires_grad_()

    @cache
    def answer() -> torch.Tensor:
        return raw(watched)

    answer()
    return seconds(forward), seconds(lambda: torch.autograd.grad(answer().sum(), watched, retain_graph=True))


if __name__ == "__main__":
    print(json.dumps(asdict(measured(Path(sys.argv[1]), Path(sys.argv[2])))))
