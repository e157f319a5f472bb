from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wbtools.errors import InputError
from wbtools.workbench import command
from wbtools.workbench.command import Command


def paths(names: str) -> list[Path]:
    return [Path(name) for name in names.split()]


CASES: list[tuple[Callable[[], Command], str, str, str]] = [
    (
        lambda: command.volume_to_surface_ribbon(*paths("vol mid white pial out")),
        "-volume-to-surface-mapping vol mid out -ribbon-constrained white pial",
        "vol mid white pial",
        "out",
    ),
    (
        lambda: command.label_to_volume_ribbon(*paths("lab mid t1 white pial out")),
        "-label-to-volume-mapping lab mid t1 out -ribbon-constrained white pial",
        "lab mid t1 white pial",
        "out",
    ),
    (
        lambda: command.label_resample(*paths("lab sphere new area newarea out")),
        "-label-resample lab sphere new ADAP_BARY_AREA out -area-surfs area newarea",
        "lab sphere new area newarea",
        "out",
    ),
    (
        lambda: command.show_scene(Path("s.scene"), 2, Path("o.png"), (800, 600)),
        "-show-scene s.scene 2 o.png 800 600",
        "s.scene",
        "o.png",
    ),
    (
        lambda: command.scene_capture_image(Path("s.scene"), 2, Path("o.png"), (800, 600)),
        "-scene-capture-image s.scene 2 o.png -size-width-height 800 600",
        "s.scene",
        "o.png",
    ),
]


@pytest.mark.parametrize(("make", "argv", "inputs", "outputs"), CASES, ids=[case[1].split()[0] for case in CASES])
def test_a_command_says_what_it_runs_reads_and_writes(
    make: Callable[[], Command], argv: str, inputs: str, outputs: str
) -> None:
    made = make()
    assert made.argv == tuple(argv.split())
    assert made.inputs == tuple(paths(inputs))
    assert made.outputs == tuple(paths(outputs))
    assert made.name == made.argv[0]


def test_a_command_never_overwrites_what_it_reads() -> None:
    with pytest.raises(InputError, match="overwritten"):
        command.surface_generate_inflated(Path("a"), Path("b"), Path("a"), 1.0)
