"""A worker in a process of its own: what it begins, what it leaves, what it shares with its children."""

import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import stub_batch
from crash_recovery import events
from made_exports import write_record

from wbtools.batch import scratch
from wbtools.batch.child import Child, hold_back, start, until_alone
from wbtools.batch.resources import Deadline, seconds, slurm_time, threads, variables
from wbtools.batch.state.attempts import History
from wbtools.batch.state.folder import BatchFiles
from wbtools.batch.state.names import PublishedName
from wbtools.batch.state.plan import Plan
from wbtools.batch.worker import Result, Worker, last_error, last_hint
from wbtools.cli.batch.payload import ExportPayload
from wbtools.errors import InputError, TransientError
from wbtools.output.markers import Marker
from wbtools.output.publishing import publishing
from wbtools.provenance import Provenance, settings_sha256


@dataclass
class Payload:
    """Publishes one file after a while; knows who warmed it."""

    out: Path
    seconds: float = 0.0
    warmed_by: int = 0

    def warm(self):
        self.warmed_by = os.getpid()
        return settings_sha256({}, [])

    def name(self, subject):
        return PublishedName(subject, subject)

    def inputs(self, subject):
        return None

    def work(self, subject):
        time.sleep(self.seconds)
        with publishing(self.out, subject, overwrite=False) as made:
            (made / f"{subject}.wbtools.scene").write_text(str(self.warmed_by))
            write_record(Provenance({}), made)
        return 0


def _work(out, subjects, payload, settings, connection, options):
    hold_back()
    files = BatchFiles(out)
    plan = Plan(settings_sha256({}, []))
    plan.write(files)
    options["deadline"] = Deadline(time.monotonic() + options.pop("left", 1e9))
    worker = Worker(files, plan, payload, **options)
    connection.send((os.getpid(), worker.run(subjects)))


def work(out, subjects, payload=None, **options):
    """A worker's number and results; forking and held-back signals stay out of pytest's own process."""
    ours, theirs = multiprocessing.Pipe()
    arguments = (out, subjects, payload or Payload(out), None, theirs, options)
    process = multiprocessing.get_context("spawn").Process(target=_work, args=arguments)
    process.start()
    process.join(60)
    assert process.exitcode == 0
    return ours.recv()


def test_what_is_loaded_is_loaded_once_by_the_worker_itself(tmp_path):
    number, results = work(tmp_path, ["a", "b"])
    assert results == {"a": Result.PUBLISHED, "b": Result.PUBLISHED}
    assert {(tmp_path / subject / f"{subject}.wbtools.scene").read_text() for subject in "ab"} == {str(number)}


@dataclass
class OneSession(Payload):
    """Publishes the only session of whom the list names, as an export does, under that session's name."""

    def name(self, subject):
        return PublishedName(f"{subject}_ses-1", f"{subject}_ses-1")

    def work(self, subject):
        name = self.name(subject)
        record = Provenance({"subject": subject})
        record.facts["subject"] = {"id": name.id}
        with publishing(self.out, name.folder, overwrite=False) as made:
            (made / f"{name.folder}.wbtools.scene").write_text("a scene")
            write_record(record, made)
        return 0


def test_a_result_under_the_persons_full_name_is_found_is_done_and_is_made_again_when_damaged(tmp_path):
    assert work(tmp_path, ["a"], OneSession(tmp_path))[1] == {"a": Result.PUBLISHED}
    assert work(tmp_path, ["a"], OneSession(tmp_path))[1] == {"a": Result.SKIPPED}
    scene = tmp_path / "a_ses-1/a_ses-1.wbtools.scene"
    scene.write_text("it was damaged")
    assert work(tmp_path, ["a"], OneSession(tmp_path))[1] == {"a": Result.PUBLISHED}
    assert scene.read_text() == "a scene" and not (tmp_path / "a").exists()


def test_no_subject_is_begun_that_the_time_left_does_not_suffice_for(tmp_path):
    # 25 s are kept for a farewell. After the first one less than 60 - 1 - 25 = 34 s are left, and 1.5 x 23 are needed.
    _, results = work(tmp_path, ["a", "b", "c"], Payload(tmp_path, 1.0), left=60.0, longest=23.0)
    assert results == {"a": Result.PUBLISHED, "b": Result.LEFT, "c": Result.LEFT}
    assert not events(tmp_path, "b")


def test_an_expected_duration_never_keeps_a_worker_from_its_first_subject(tmp_path):
    assert work(tmp_path, ["a"], longest=1e6, left=100.0)[1] == {"a": Result.PUBLISHED}


def test_a_subject_that_somebody_else_is_at_comes_last(tmp_path):
    BatchFiles(tmp_path).make()
    elsewhere = f'{{"event": "start", "run": "x", "time": {time.time()}, "host": "elsewhere", "pid": 1}}\n'
    BatchFiles(tmp_path).attempts("a").write_text(elsewhere)
    _, results = work(tmp_path, ["a", "b"])
    assert list(results) == ["b", "a"]
    assert results["a"] is Result.PUBLISHED


def test_a_network_that_changed_meanwhile_is_refused(tmp_path):
    class Changed(Payload):
        def warm(self):
            return "another"

    files = BatchFiles(tmp_path)
    plan = Plan(settings_sha256({}, []))
    plan.write(files)
    with pytest.raises(Exception, match="changed since"):
        Worker(files, plan, Changed(tmp_path)).run(["a"])


def _ended(child: Child, limit=20.0):
    until = time.monotonic() + limit
    while (found := child.ended()) is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    return found


@pytest.mark.parametrize(
    ("work", "code"),
    [
        (lambda: 0, 0),
        (lambda: 3, 3),
        (lambda: int("no number"), 1),
        (lambda: exit("a sentence"), 1),
        (lambda: exit(None), 0),
        (lambda: os.kill(os.getpid(), signal.SIGUSR2), -12),
    ],
)
def test_the_childs_end_is_seen_as_it_was_and_its_words_are_in_the_log(tmp_path, work, code):
    ended = _ended(start(work, tmp_path / "log", {"GIVEN": "1"}))
    assert ended.code == code
    assert ended.memory > 0
    if code == 1 and "no number" in (tmp_path / "log").read_text():
        assert "ValueError" in last_error(tmp_path / "log")


def test_what_a_child_started_does_not_outlive_it(tmp_path):
    def work():
        grandchild = os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "100")
        (tmp_path / "pid").write_text(str(grandchild))
        return 0

    _ended(start(work, tmp_path / "log", {}))
    grandchild = int((tmp_path / "pid").read_text())
    until = time.monotonic() + 5
    while Path(f"/proc/{grandchild}").exists() and "Z" not in Path(f"/proc/{grandchild}/stat").read_text().split()[2]:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_childs_temporary_files_go_where_it_was_told_although_its_parent_had_asked_before(tmp_path):
    assert tempfile.gettempdir() != str(tmp_path)

    def work():
        return int(Path(tempfile.mkdtemp()).parent != tmp_path)

    assert _ended(start(work, tmp_path / "log", {"TMPDIR": str(tmp_path)})).code == 0


def test_temporary_data_goes_to_the_first_place_that_takes_it(tmp_path):
    there = {"SLURM_TMPDIR": "/no/such/folder", "TMPDIR": str(tmp_path)}
    assert scratch.folder(None, there) == tmp_path
    assert scratch.folder(None, {"SLURM_TMPDIR": str(tmp_path / "file"), "TMPDIR": "."}) == Path("/tmp")
    assert scratch.folder("/anywhere", there) == Path("/anywhere")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="temporary data") as caught:
        scratch.require(tmp_path / "file" / "below")
    assert "--scratch" in caught.value.hint


def test_scratch_folders_of_workers_that_are_gone_are_removed_and_others_stay(tmp_path):
    mine = scratch.make(tmp_path)
    gone = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(gone, 0)
    left = tmp_path / mine.name.replace(f"-{os.getpid()}-", f"-{gone}-")
    other = tmp_path / "wbtools-another.machine-1-abc"
    left.mkdir(), other.mkdir()
    (left / "T1w.nii.gz").write_text("half")
    users = left.with_name(f"{left.name}x")
    shutil.copytree(left, users)
    dead = Marker(**{**vars(Marker.of(left)), "pid": gone})
    dead.write(left)
    assert scratch.remove_left_over(tmp_path) == 1
    assert mine.exists() and other.exists() and users.exists() and not left.exists()


def _threads():
    return len(list(Path("/proc/self/task").iterdir()))


def _many_threads_after_warming(connection, out):
    import torch

    os.environ.update(variables(1))
    hold_back()
    payload = ExportPayload({}, out, 2)
    payload.warm()
    alone = _threads()
    libraries = {name.partition(".")[0] for name in sys.modules}

    def work():
        torch.set_num_threads(2)
        image = torch.ones(1, 8, 32, 32, 32, requires_grad=True)
        torch.nn.functional.conv3d(image, torch.ones(8, 8, 3, 3, 3)).sum().backward()
        return _threads()

    children = [start(work, out / "log", variables(2)) for _ in range(3)]
    codes = []
    for child in children:
        until = time.monotonic() + 60
        while (found := child.ended()) is None and time.monotonic() < until:
            child.mind(50, 1)
            time.sleep(0.05)
        codes.append(found.code if found else None)
    connection.send((alone, torch.cuda.is_initialized(), codes, libraries))


@pytest.mark.slow
def test_a_warm_worker_has_one_thread_and_its_children_compute_with_several(tmp_path):
    # A child forked after its parent has used OpenMP would hang in its first parallel loop, or be ended by the clock.
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_many_threads_after_warming, args=(theirs, tmp_path))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables(1).items():
            patch.setenv(name, value)
        process.start()
    assert ours.poll(120)
    alone, cuda, codes, libraries = ours.recv()
    process.join(30)
    assert alone == 1 and not cuda
    assert all(code >= 2 for code in codes), codes
    assert {"torch", "numba", "SimpleITK"} < libraries
    assert not libraries & {"nilearn", "pandas", "sklearn", "matplotlib"}, "no export needs them"


def _joined_and_counted(connection):
    counts = []
    for _ in range(300):
        with ThreadPoolExecutor(1) as aside:
            aside.submit(int).result()
        counts.append((until_alone(), _threads()))
    waiting = threading.Event()
    beside = threading.Thread(target=waiting.wait)
    beside.start()
    counts.append((until_alone(0.05), _threads()))
    waiting.set()
    beside.join()
    connection.send(counts)


def test_a_joined_thread_is_gone_before_a_child_is_forked_and_a_living_one_is_told():
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_joined_and_counted, args=(theirs,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENBLAS_NUM_THREADS", "1")
        process.start()
    assert ours.poll(60)
    *joined, living = ours.recv()
    process.join(30)
    assert set(joined) == {(True, 1)} and living == (False, 2)


def test_threads_come_from_the_allotment(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    assert threads(None, 4, {}) == 1
    assert threads(None, 3, {}) == 2
    assert threads(None, 1, {"SLURM_CPUS_PER_TASK": "3"}) == 3
    assert threads(5, 1, {"SLURM_CPUS_PER_TASK": "3"}) == 5


@pytest.mark.parametrize("hours", [1, 23, 24, 49])
def test_times_written_for_slurm_read_back_the_same(hours):
    assert seconds(slurm_time(hours * 3600)) == hours * 3600
    assert seconds("soon") is None


def test_memory_of_a_child_is_that_of_all_its_programs_at_once(tmp_path):
    hold = f"{sys.executable} -c 'x = bytearray(80 << 20); import time; time.sleep(2)'"
    child = start(lambda: os.system(f"{hold} & {hold} & wait"), tmp_path / "log", {})
    until = time.monotonic() + 30
    while (found := child.ended()) is None and time.monotonic() < until:
        child.mind(60, 1)
        time.sleep(0.05)
    assert found and found.code == 0 and found.memory > 160 << 20


@pytest.fixture
def full():
    """A folder without any room; a file system of its own is only root's to make."""
    folder = Path(tempfile.mkdtemp())
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=1", "tmpfs", folder], capture_output=True)
    if made.returncode:
        folder.rmdir()
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)
    folder.rmdir()


def test_a_full_scratch_folder_is_told_with_its_name_and_uses_no_attempt_up(tmp_path, full):
    with pytest.raises(TransientError, match=re.escape(f"{full}: No space left")) as caught:
        scratch.make(full)
    assert "--scratch" in caught.value.hint
    done = stub_batch.run(tmp_path / "out", "a", "b", options=("--scratch", full))
    status = stub_batch.care("status", tmp_path / "out")
    for said in (done, status):
        told = said.stdout.replace("\n", " ")
        assert said.returncode == 75 and "1 will be tried again" in told, said.stdout + said.stderr
        assert f"{full}: No space left on device" in told and "--scratch" in told
    assert History.read(BatchFiles(tmp_path / "out"), "a").used == 0
    assert stub_batch.run(tmp_path / "out", "a", "b").returncode == 0


def test_a_scratch_folder_that_may_not_be_written_is_refused_before_anything_is_begun(tmp_path):
    done = stub_batch.run(tmp_path / "out", "a", options=("--scratch", "/proc/scratch"))
    assert done.returncode == 3 and "--scratch" in done.stderr and not (tmp_path / "out").exists()


def test_a_worker_that_cannot_write_temporary_data_has_its_advice_passed_on(tmp_path):
    log = tmp_path / "log"
    log.write_text("12:00 begun\nError: temporary data cannot be written to /ro: x\nHint: give a folder of your own\n")
    assert (last_error(log), last_hint(log)) == (
        "temporary data cannot be written to /ro: x",
        "give a folder of your own",
    )
    with pytest.raises(InputError, match="temporary data cannot be written to /proc"):
        scratch.require(Path("/proc"))
