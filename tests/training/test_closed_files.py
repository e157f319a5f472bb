"""Of a file that may not be read, the permissions are to be checked: nobody is told to make it again or remove it."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from made_data import made_items, made_volumes

from wbtools.images import nifti
from wbtools.model import card as cards
from wbtools.model.card import Card
from wbtools.space.grid import Grid, Volume

READ = """
import sys
from pathlib import Path
from wbtools.datasets import open_data
from wbtools.errors import WbtoolsError
from wbtools.model import card, compatibility
from wbtools.training.runs.chosen import record_of
from wbtools.training.runs.folder import RunFolder
root = Path(sys.argv[1])
run, network = RunFolder(root / "run"), root / "net.pt"
for read in (
    lambda: open_data(root / "images"), lambda: open_data(root / "items"), lambda: open_data(root / "dataset"),
    run.record, lambda: record_of(run), run.state, run.epochs, lambda: card.given(network),
    lambda: compatibility.reference(network, card.Card("a", "a", "unet", reference="mean.nii")),
):
    try:
        read()
    except WbtoolsError as error:
        print(error, "/", error.hint)
"""


def read_as_others(root):
    """What somebody without a superuser's rights is told."""
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    done = subprocess.run([*drop, sys.executable, "-c", READ, root], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may read everything")
def test_the_hint_of_a_closed_file_is_about_its_permissions(tmp_path):
    made_volumes(tmp_path / "images", made_items(2))
    for name in ("items", "dataset"):
        shutil.copytree(tmp_path / "images", tmp_path / name)
    (tmp_path / "run").mkdir()
    cards.write(tmp_path / "net.json", Card("a", "a", "unet"))
    nifti.write_volume(tmp_path / "mean.nii", Volume(np.ones((2, 2, 2), np.float32), Grid((2, 2, 2), np.eye(4))))
    closed = [
        *("images/images.npy", "items/items.tsv", "dataset/dataset.json"),
        *("run/run.json", "run/run.json", "run/state.pt", "run/log.jsonl", "net.json", "mean.nii"),
    ]
    for name in ("run.json", "state.pt", "log.jsonl"):
        (tmp_path / "run" / name).touch()
    for name in closed:
        (tmp_path / name).chmod(0)
    told = read_as_others(tmp_path)
    assert len(told) == len(closed)
    for name, line in zip(closed, told, strict=True):
        said, hint = line.split(" / ")
        assert str(tmp_path / name) in said and said.endswith(" read: Permission denied") and "Errno" not in said
        assert hint == "check its permissions" or hint == f"ask its owner for read permission: chmod g+r {name}", line
