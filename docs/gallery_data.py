"""Makes what the examples of the gallery read, made-up people and their exports: `python docs/gallery_data.py FOLDER`.

It stays in FOLDER, beside copies of the examples, which run there. It is made again if its commands or wbtools' version
change, or FOLDER is removed. The first time takes 4 minutes of a processor.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from wbtools import __version__

EXAMPLES = Path(__file__).parent / "examples"
STAMP = "made-by.txt"
GROUP = {f"p{number}": number for number in range(1, 7)}
"""People of the group by id, and which made-up person each is."""

EXPORTS = (
    "export-subject 100307 --study-folder study --out out",
    "batch run people.txt --study-folder study --out people --mesh 32k --no-render --no-report",
)
"""As the examples give them."""


def make(folder: Path) -> None:
    """Make people and exports in an empty folder."""
    _run(folder, "demo-subject study")
    for name, number in GROUP.items():
        _run(folder, f"demo-subject study --id {name} --person {number}")
    (folder / "people.txt").write_text("".join(f"{name}\n" for name in GROUP))
    for words in EXPORTS:
        _run(folder, words)


def keep(folder: Path) -> None:
    """Make the folder if there is none of this recipe; it appears whole or not at all."""
    recipe = repr((__version__, GROUP, EXPORTS))
    stamp = folder / STAMP
    if stamp.is_file() and stamp.read_text() == recipe:
        return
    print("Making the exports that the examples read (about 4 minutes, once) ...", flush=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as made:
        inside = Path(made) / folder.name
        inside.mkdir()
        make(inside)
        (inside / STAMP).write_text(recipe)
        shutil.rmtree(folder, ignore_errors=True)
        inside.replace(folder)


def copy_examples(folder: Path) -> None:
    """Put the examples beside their data: sphinx-gallery runs a script in its own folder."""
    for old in (*folder.glob("*.py"), *folder.glob("*.rst")):  # those that examples wrote, too
        old.unlink()
    for source in EXAMPLES.iterdir():
        if source.is_file():
            shutil.copyfile(source, folder / source.name)


def _run(folder: Path, words: str) -> None:
    command = [sys.executable, "-m", "wbtools.cli", *words.split()]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    if done.returncode:
        sys.exit(f"wbtools {words}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    place = Path(sys.argv[1])
    keep(place)
    copy_examples(place)
