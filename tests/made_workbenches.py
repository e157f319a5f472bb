"""Programs that answer as other builds of Workbench do, and leave all else to the one that is installed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from wbtools.workbench.runner import Workbench

NO_OSMESA = (
    "printf '\\nWhile running:\\nwb_command %s\\n\\nERROR: %s is not available !\\n"
    "A required library for this command, Mesa3D (software version of OpenGL), was not available when this software "
    "was created.  This command is not available for the Windows version of this software but should always be "
    'available in the Linux and MacOS versions.\\n\\n\' "$*" "$4" >&2; exit 255'
)
"""What Workbench 2.x says, to whichever operation draws, when it was built without OSMesa (OperationShowScene.cxx)."""
DRAW = 'draw "$@"'
"""Draw as either operation is asked to, by the one that the installed version has."""
_DRAWS = {
    "-show-scene": 'draw() { "$REAL" "$1" "$2" "$3" -show-scene "$5" "$6" "$7" "$W" "$H"; }',
    "-scene-capture-image": 'draw() { "$REAL" "$1" "$2" "$3" -scene-capture-image "$5" "$6" "$7" '
    '-size-width-height "$W" "$H"; }',
}
CRASH = "kill -SEGV $$"
SILENT = "exit 0"
HANG = "sleep 987.25"  # in a process of its own, as in a script that starts a container
BIND_MOUNTS = "echo 'WARNING: underlay of /etc/localtime required more than 50 (77) bind mounts' >&2; "
ONLY_PROBED = 'case "$5" in *halves.scene) ;; *) ' + CRASH + ";; esac; "
"""Before DRAW: fails where anything but the tiny scene of the probe is drawn."""


def drawing_operation(workbench: Workbench) -> str:
    """By which operation a version draws."""
    return "-show-scene" if workbench.version().startswith("1.") else "-scene-capture-image"


def pictures_of(draw: str) -> str:
    """Draw, and report success, something else: the picture in a file, in the size that was asked for."""
    return f'exec cp {draw} "$7"'


def write_halves(png: Path, left: tuple[int, int, int], right: tuple[int, int, int]) -> Path:
    """A picture as large as that of the probe, of two colours."""
    pixels = np.zeros((36, 96, 3), np.uint8)
    pixels[4:, :48], pixels[4:, 48:] = left, right
    Image.fromarray(pixels).save(png)
    return png


def write_workbench(folder: Path, version: str = "2.1.0", **operations: str) -> Path:
    """A program that calls itself by a version, and lists just these operations that draw.

    Parameters
    ----------
    folder : Path
        Receives `wb_command`.
    version : str
    **operations : str
        What `capture` (-scene-capture-image) and `show` (-show-scene) do, as lines of a shell; absent ones are
        not listed. Their words are "$1" to "$7", from `-disable-provenance` to the picture, and its size $W and $H.
    """
    real = shutil.which("wb_command")
    assert real
    names = {"capture": "-scene-capture-image", "show": "-show-scene"}
    listed = "; ".join(f"echo '{names[each]}  OFFSCREEN RENDERING'" for each in operations) or ":"
    unknown = dict.fromkeys(names, 'exec "$REAL" "$1" "$2" "$3" -no-such-operation')
    cases = "\n".join(f"{names[each]}) {does} ;;" for each, does in {**unknown, **operations}.items())
    program = folder / "wb_command"
    program.write_text(f"""#!/bin/sh
REAL={real}
{_DRAWS[drawing_operation(Workbench.find())]}
[ "$8" = -size-width-height ] && W=$9 && H=${{10}} || {{ W=$8; H=$9; }}
case "$1" in
-version) "$REAL" -version | sed 's/^Version: .*/Version: {version}/'; exit 0 ;;
-list-commands) "$REAL" -list-commands | grep -v -e '^-show-scene' -e '^-scene-capture'; {listed}; exit 0 ;;
-list-deprecated-commands) "$REAL" -list-deprecated-commands | grep -v '^-show-scene'; exit 0 ;;
esac
case "$4" in
{cases}
*) exec "$REAL" "$@" ;;
esac
""")
    program.chmod(0o755)
    return program


def write_broken(folder: Path) -> Path:
    """A program that the system's loader does not start, as after an upgrade to Mesa 25.1."""
    program = folder / "wb_command"
    said = "error while loading shared libraries: libOSMesa.so.8: cannot open shared object file: No such file"
    program.write_text(f'#!/bin/sh\necho "$0: {said}" >&2\nexit 127\n')
    program.chmod(0o755)
    return program
