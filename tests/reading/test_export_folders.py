"""Exports are found in a folder of many, and none gets lost because it cannot be looked at."""

import os
import shutil
import subprocess
import sys

import pytest
from made_cohort import write_people

from wbtools.errors import InputError
from wbtools.output.ownership import PROVENANCE
from wbtools.reading.export_folders import export_folders, holds_exports

READ = """
import sys
from pathlib import Path
from wbtools.errors import InputError
from wbtools.reading.batch import open_batch
try:
    batch = open_batch(Path(sys.argv[1]))
    print(sorted(batch.exports), sorted(batch.unreadable.items()))
except InputError as error:
    print(error)
"""


def read_as_others(root):
    """What somebody without a superuser's rights finds in a folder."""
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    done = subprocess.run([*drop, sys.executable, "-c", READ, root], capture_output=True, text=True, check=True)
    return done.stdout


def people(root, *names):
    for name in names:
        (root / name).mkdir(parents=True)
        (root / name / PROVENANCE).write_text("{}")


def test_sessions_and_what_was_not_fetched_are_found_and_hidden_folders_are_not(tmp_path):
    people(tmp_path, "a", "sub-b/ses-1", "sub-b/ses-2", ".c", "lost+found")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / PROVENANCE).symlink_to("nothing")
    (tmp_path / "empty").mkdir()
    (tmp_path / "circle").symlink_to("circle")
    found = [folder.relative_to(tmp_path).as_posix() for folder in export_folders(tmp_path)]
    assert found == ["a", "d", "sub-b/ses-1", "sub-b/ses-2"]
    assert holds_exports(tmp_path) and not holds_exports(tmp_path / "empty") and not holds_exports(tmp_path / "a")


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may read everything")
@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_a_folder_that_may_not_be_looked_into_is_nobody_who_is_left_out_silently(tmp_path, mode):
    write_people(tmp_path, ["p1", "p2", "p3"])
    (tmp_path / "p3").chmod(mode)
    told = read_as_others(tmp_path)
    (tmp_path / "p3").chmod(0o755)
    assert told.startswith("['p1', 'p2'] [('p3', ") and "Permission denied" in told


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may read everything")
def test_names_that_may_not_be_read_are_an_error(tmp_path):
    write_people(tmp_path, ["p1"])
    (tmp_path / "sessions").mkdir(mode=0o111)
    told = read_as_others(tmp_path)
    assert told.startswith("Permission denied: ") and told.rstrip().endswith("sessions")


def test_where_nothing_is_there_is_nobody(tmp_path):
    assert list(export_folders(tmp_path / "nothing")) == []
    with pytest.raises(InputError):
        next(export_folders(tmp_path / ("x" * 300)))
