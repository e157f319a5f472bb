"""A batch on one machine: whatever single subjects or workers do, the others get done."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
import stub_batch
from crash_recovery import events, is_whole, running, visible


def endings(out, subject):
    return [event["ending"] for event in events(out, subject) if event["event"] == "end"]


def until(condition, seconds=30):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it never happened"
        time.sleep(0.05)


def test_all_get_done_and_the_same_line_again_begins_nothing(tmp_path):
    ids = [f"sub-{number:02d}" for number in range(6)]
    first = stub_batch.run(tmp_path, *ids, options=("--jobs", 3))
    assert first.returncode == 0, first.stderr
    assert "6 subjects: 6 done" in first.stdout
    assert visible(tmp_path) == ids and all(is_whole(tmp_path, subject) for subject in ids)
    before = {subject: events(tmp_path, subject) for subject in ids}
    again = stub_batch.run(tmp_path, *ids, options=("--jobs", 3))
    assert again.returncode == 0
    assert {subject: events(tmp_path, subject) for subject in ids} == before
    assert stub_batch.care("verify", tmp_path).returncode == 0


def test_the_end_says_which_maps_failed_their_checks_and_what_comes_next(tmp_path):
    out = tmp_path / "two words"
    first = stub_batch.run(out, "a", "b", "c", "d")
    following = f"Next: wbtools batch report '{out}'"
    assert first.stdout.splitlines()[-1] == following and "trust" not in first.stdout  # stand-ins have no maps
    for subject, passed in (("a", True), ("b", False), ("c", True)):
        path = out / subject / "provenance.json"
        trust = {"unet": {"trust": {"passed": True}}, "other": {"trust": {"passed": passed}}}
        path.write_text(json.dumps({**json.loads(path.read_text()), "networks": trust}))
    for said in (stub_batch.care("status", out).stdout, stub_batch.run(out, "a", "b", "c", "d").stdout):
        assert "Maps that failed their trust checks: in 1 of 3 exports: b" in said and following in said.splitlines()


def test_what_is_not_over_has_no_next_step(tmp_path):
    how = ("--misbehave", "bad", "bad")
    done = stub_batch.run(tmp_path, "bad", how=how)
    assert done.returncode == 1 and "Next:" not in done.stdout  # there is no export
    done = stub_batch.run(tmp_path, "good", "bad", how=how)
    assert done.returncode == 1 and "Next:" in done.stdout  # pages show failures, too
    assert stub_batch.care("retry", tmp_path).returncode == 0
    assert "Next:" not in stub_batch.care("status", tmp_path).stdout


def test_one_log_per_attempt_and_the_sentence_of_each_failure(tmp_path):
    done = stub_batch.run(tmp_path, "good", "bad", how=("--misbehave", "bad", "bad"))
    assert done.returncode == 1
    assert endings(tmp_path, "bad") == ["bad input"], "bad input is not tried again"
    assert "bad: failed: this subject is bad" in done.stdout
    log = tmp_path / ".wbtools" / events(tmp_path, "bad")[0]["log"]
    assert log.read_text() == "Error: this subject is bad\n"
    rows = (tmp_path / ".wbtools" / "failed.tsv").read_text().splitlines()
    assert rows[0].split("\t") == ["subject", "state", "reason", "log"]
    assert rows[1].split("\t")[:3] == ["bad", "failed", "this subject is bad"]


@pytest.mark.parametrize(
    ("how", "reason"),
    [("crash", "SIGSEGV"), ("unlucky", "this subject is unlucky"), ("strange", "this subject is strange")],
)
def test_faults_are_tried_again_then_the_subject_is_excluded_and_the_others_are_done(tmp_path, how, reason):
    ids = ["a", "poison", "b", "c"]
    done = stub_batch.run(tmp_path, *ids, options=("--max-attempts", 2), how=("--misbehave", how, "poison"))
    assert done.returncode == 1
    assert endings(tmp_path, "poison") == ["fault", "fault"]
    assert f"poison: excluded: {reason}" in done.stdout or reason in done.stdout
    assert visible(tmp_path) == ["a", "b", "c"]
    again = stub_batch.run(tmp_path, *ids, options=("--max-attempts", 2), how=("--misbehave", how, "poison"))
    assert again.returncode == 1 and len(endings(tmp_path, "poison")) == 2
    assert stub_batch.care("retry", tmp_path).returncode == 0
    assert stub_batch.care("status", tmp_path).returncode == 75


def test_a_subject_that_hangs_is_ended_although_it_ignores_the_request(tmp_path):
    options = ("--timeout", "1s", "--grace", "1s", "--max-attempts", 1)
    done = stub_batch.run(tmp_path, "a", "stuck", options=options, how=("--misbehave", "hang", "stuck"))
    assert done.returncode == 1
    assert "stuck: excluded: it ran longer than 1 s" in done.stdout
    assert visible(tmp_path) == ["a"] and not running(tmp_path, "child")


def test_a_child_killed_with_kill_9_costs_one_attempt(tmp_path):
    batch = stub_batch.start(tmp_path, "a", "b", options=("--jobs", 2), seconds=1.5)
    until(lambda: len(running(tmp_path, "child")) == 2)
    os.kill(running(tmp_path, "child")[0], signal.SIGKILL)
    assert batch.wait(60) == 0
    assert sorted(endings(tmp_path, "a") + endings(tmp_path, "b")) == ["fault", "published", "published"]


def test_a_killed_worker_is_replaced_and_takes_its_children_along(tmp_path):
    batch = stub_batch.start(tmp_path, "a", "b", "c", options=("--jobs", 2), seconds=1.5)
    until(lambda: len(running(tmp_path, "child")) == 2)
    children = running(tmp_path, "child")
    os.kill(running(tmp_path, "worker")[0], signal.SIGKILL)
    until(lambda: not set(children) & set(running(tmp_path, "child")))
    assert batch.wait(60) == 0
    assert all(is_whole(tmp_path, subject) for subject in "abc")
    assert sum(event["event"] == "start" for subject in "abc" for event in events(tmp_path, subject)) == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_batch_leaves_nothing_behind_and_goes_on_later(tmp_path, number):
    batch = stub_batch.start(tmp_path, "a", "b", "c", options=("--jobs", 1), seconds=2)
    until(lambda: running(tmp_path, "child"))
    time.sleep(0.3)
    os.kill(batch.pid, number)
    said, _ = batch.communicate(timeout=30)
    assert batch.returncode == 75 and "Interrupted" in said and "3 to do" in said
    assert not running(tmp_path, "worker") and not running(tmp_path, "child")
    assert [path.name for path in tmp_path.iterdir()] == [".wbtools"]
    assert endings(tmp_path, "a") == ["interrupted"]
    assert stub_batch.care("status", tmp_path).returncode == 75
    assert stub_batch.run(tmp_path, "a", "b", "c", seconds=2, options=("--jobs", 3)).returncode == 0


def test_a_killed_client_leaves_no_worker_behind(tmp_path):
    batch = stub_batch.start(tmp_path, "a", "b", seconds=2)
    until(lambda: running(tmp_path, "child"))
    batch.kill()
    batch.wait()
    until(lambda: not running(tmp_path, "worker") and not running(tmp_path, "child"))


def test_cancel_stops_workers_of_any_engine_and_the_line_again_goes_on(tmp_path):
    batch = stub_batch.start(tmp_path, "a", "b", options=("--jobs", 1), seconds=2)
    until(lambda: running(tmp_path, "child"))
    ended = stub_batch.care("cancel", tmp_path)
    assert ended.returncode == 0 and "1 running subject will stop within seconds" in ended.stdout
    assert batch.wait(30) == 75
    told = stub_batch.care("status", tmp_path).stdout
    assert "Cancelled: nothing more is begun" in told and f"\n  wbtools batch run a b --out {tmp_path}" in told
    assert stub_batch.run(tmp_path, "a", "b", seconds=2, options=("--jobs", 2)).returncode == 0
    over = stub_batch.care("cancel", tmp_path)
    assert over.returncode == 0 and over.stdout.startswith("Nothing to cancel")
    assert "Cancelled" not in stub_batch.care("status", tmp_path).stdout


def test_two_runs_of_one_list_at_once_publish_each_subject_once(tmp_path):
    ids = [f"{number}" for number in range(8)]
    both = [stub_batch.start(tmp_path, *ids, options=("--jobs", 2), seconds=0.5) for _ in range(2)]
    assert [batch.wait(90) for batch in both] == [0, 0]
    assert all(is_whole(tmp_path, subject) for subject in ids) and visible(tmp_path) == ids
    assert all(endings(tmp_path, subject).count("published") <= 1 for subject in ids)
    assert [path.name for path in tmp_path.iterdir() if path.name[0] == "."] == [".wbtools"]


def test_other_settings_in_the_same_folder_are_refused_and_change_nothing(tmp_path):
    assert stub_batch.run(tmp_path, "a").returncode == 0
    other = stub_batch.run(tmp_path, "b", seconds=0.1)
    assert other.returncode == 3
    assert "never mixed" in other.stderr and "Hint:" in other.stderr
    assert stub_batch.run(tmp_path, "b", seconds=0.1, options=("--dry-run",)).returncode == 3
    assert visible(tmp_path) == ["a"]


def test_a_subject_published_with_other_settings_by_somebody_else_is_refused_too(tmp_path):
    assert stub_batch.run(tmp_path, "a", "b").returncode == 0
    record = tmp_path / "a" / "provenance.json"
    record.write_text(record.read_text().replace('"settings_sha256": "', '"settings_sha256": "0'))
    refused = stub_batch.run(tmp_path, "a", "b")
    assert refused.returncode == 3 and "a: it was made with other settings" in refused.stderr
    assert stub_batch.care("verify", tmp_path).returncode == 1


def test_a_damaged_subject_is_set_aside_and_made_again(tmp_path):
    assert stub_batch.run(tmp_path, "a", "b").returncode == 0
    (tmp_path / "a" / "table.tsv").unlink()
    assert "table.tsv is missing" in stub_batch.care("verify", tmp_path, "--quick").stdout
    assert stub_batch.run(tmp_path, "a", "b").returncode == 0
    assert is_whole(tmp_path, "a")
    aside = tmp_path / ".wbtools" / "aside"
    assert len(list(aside.iterdir())) == 1
    assert stub_batch.care("clean", tmp_path, "--now").returncode == 0
    assert not list(aside.iterdir()) and is_whole(tmp_path, "a")


def test_verify_finds_a_single_changed_byte(tmp_path):
    assert stub_batch.run(tmp_path, "a", "b").returncode == 0
    path = tmp_path / "b" / "maps" / "relevance.bin"
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    assert stub_batch.care("verify", tmp_path, "--quick").returncode == 0
    deep = stub_batch.care("verify", tmp_path)
    assert deep.returncode == 1 and "b: damaged: maps/relevance.bin has another SHA-256" in deep.stdout
    told = stub_batch.care("status", tmp_path)
    assert told.returncode == 75 and "b: to be made again: maps/relevance.bin has another SHA-256" in told.stdout
    for said in (told.stdout, stub_batch.care("retry", tmp_path).stdout):
        assert f"own line again:\n  wbtools batch run a b --out {tmp_path}" in said
    assert "Nothing to retry" in said and "0 subjects" not in said


def test_only_and_exclude_choose_from_the_list(tmp_path):
    for name, ids in (("all.txt", "a b c d"), ("only.txt", "a b c"), ("exclude.txt", "b")):
        (tmp_path / name).write_text("\n".join(ids.split()))
    options = ("--only", tmp_path / "only.txt", "--exclude", tmp_path / "exclude.txt")
    assert stub_batch.run(tmp_path / "out", tmp_path / "all.txt", options=options).returncode == 0
    assert visible(tmp_path / "out") == ["a", "c"]


@pytest.mark.parametrize(
    ("excluded", "left", "warned"),
    [
        ("sub-01", ["sub-1", "sub-2"], ""),
        ("01", ["sub-1", "sub-2"], ""),
        ("1\nsub-01_ses-a", ["sub-01_ses-b", "sub-2"], ""),
        ("2\nnobody\n03", ["sub-01_ses-a", "sub-01_ses-b", "sub-1"], "2 ids that nobody in the list has: nobody, 03"),
    ],
)
def test_a_person_who_is_left_out_is_left_out_with_all_sessions(tmp_path, excluded, left, warned):
    """Somebody who withdrew consent stands in a table of people, and the list has sessions."""
    everybody = ("sub-01_ses-a", "sub-01_ses-b", "sub-1", "sub-2")
    (tmp_path / "all.txt").write_text("\n".join(everybody))
    (tmp_path / "some.tsv").write_text(f"participant_id\n{excluded}\n")
    for option, chosen in (("--exclude", left), ("--only", [name for name in everybody if name not in left])):
        out = tmp_path / option
        done = stub_batch.run(out, tmp_path / "all.txt", options=(option, tmp_path / "some.tsv"))
        assert done.returncode == 0 and visible(out) == chosen
        assert ("that nobody in the list has" in done.stderr) is bool(warned) and warned in done.stderr


def test_temporary_data_goes_to_the_scratch_folder_and_nothing_stays_there(tmp_path):
    scratch = tmp_path / "scratch"
    batch = stub_batch.start(tmp_path / "out", "a", options=("--scratch", scratch), seconds=1.5)
    until(lambda: running(tmp_path / "out", "child"))
    inside = Path(f"/proc/{running(tmp_path / 'out', 'child')[0]}/environ").read_text()
    assert f"TMPDIR={scratch}/wbtools-" in inside
    os.kill(running(tmp_path / "out", "worker")[0], signal.SIGKILL)  # even then, the next worker tidies up
    assert batch.wait(30) == 0
    assert list(scratch.iterdir()) == []


def test_slots_hand_out_graphics_cards_and_threads(tmp_path):
    options = ("--jobs", 2, "--gpus", "4,7")
    batch = stub_batch.start(tmp_path, "a", "b", options=options, seconds=1.5)
    until(lambda: len(running(tmp_path, "child")) == 2)
    found = [Path(f"/proc/{pid}/environ").read_text().split("\0") for pid in running(tmp_path, "child")]
    assert {word for told in found for word in told if word.startswith("CUDA_VISIBLE_DEVICES=")} == {
        "CUDA_VISIBLE_DEVICES=4",
        "CUDA_VISIBLE_DEVICES=7",
    }
    assert all("OMP_NUM_THREADS=1" in told for told in found)
    assert batch.wait(30) == 0


def test_a_machine_without_room_stops_the_worker_before_everybodys_attempts_are_used_up(tmp_path):
    ids = [f"{number}" for number in range(8)]
    done = stub_batch.run(tmp_path, *ids, options=("--jobs", 1), how=("--misbehave", "unlucky", *ids))
    assert done.returncode == 75
    assert sum(len(endings(tmp_path, subject)) for subject in ids) == 3
    assert "3 will be tried again" in done.stdout and "this subject is unlucky" in done.stdout, "the user is told why"
    assert "in a row" in next((tmp_path / ".wbtools" / "logs").glob("worker.*.log")).read_text()


def test_status_tells_other_programs_the_state_of_every_subject(tmp_path):
    stub_batch.run(tmp_path, "a", "b", how=("--misbehave", "bad", "b"))
    told = json.loads(stub_batch.care("status", tmp_path, "--json").stdout)
    assert told == {"states": {"a": "done", "b": "failed"}, "code": 1}
    summary = json.loads((tmp_path / ".wbtools" / "summary.json").read_text())
    assert summary["done"] == 1 and summary["subjects"] == 2


def test_a_batch_that_never_was_and_options_that_cannot_be_meant_are_refused(tmp_path):
    for command in ("status", "verify", "retry", "cancel", "clean", "script"):
        refused = stub_batch.care(command, tmp_path)
        assert refused.returncode == 3 and "holds no batch" in refused.stderr, command
    assert stub_batch.run(tmp_path, "a", options=("--timeout", "soon")).returncode == 2
    assert stub_batch.run(tmp_path, "a", options=("--pack", "0")).returncode == 2
    assert stub_batch.run(tmp_path, "../a").returncode == 3
    assert visible(tmp_path) == []


def test_a_dry_run_writes_nothing(tmp_path):
    done = stub_batch.run(tmp_path / "out", "a", "b", options=("--dry-run",))
    assert done.returncode == 0 and "2 to do" in done.stdout
    assert not (tmp_path / "out").exists()


def test_templates_for_other_systems_say_that_nobody_tried_them(tmp_path):
    options = ("--max-attempts", 1)
    stub_batch.run(tmp_path, "a", "b", "c", options=options, how=("--misbehave", "crash", "a", "b", "c"))
    stub_batch.care("retry", tmp_path)
    for system in ("sge", "pbs", "lsf"):
        text = stub_batch.care("script", tmp_path, "--scheduler", system, "--pack", 2).stdout
        assert "UNTESTED TEMPLATE" in text and "--pack 2 --shard auto" in text and "OMP_NUM_THREADS=1" in text, system
