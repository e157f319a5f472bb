"""A batch looks for results where exports put them, and lets nobody's result take another's place."""

import shutil

import pytest
from click.testing import CliRunner
from stub_batch import care, run
from test_batch_options import given
from test_subject_lists import ODD

from wbtools.batch.state import names
from wbtools.batch.state.export import as_json
from wbtools.batch.state.folder import BatchFiles
from wbtools.batch.state.names import PublishedName, require_distinct, settle
from wbtools.batch.state.plan import Plan
from wbtools.batch.state.published import identity, is_there, place
from wbtools.cli import main
from wbtools.cli.batch.payload import ExportPayload
from wbtools.cli.batch.run import _Batch
from wbtools.errors import InputError

RECON_ALL = ("surf/lh.white", "mri/T1.mgz")
FMRIPREP = ("sub-01/ses-1/anat/sub-01_ses-1_desc-preproc_T1w.nii.gz",)


def put(folder, *present):
    for name in present:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"something, as far as finding goes")
    return folder


def payload(study, *words):
    return ExportPayload(as_json(given("--study-folder", str(study), *words)), study / "out", 1)


@pytest.mark.parametrize(
    ("listed", "present", "words", "name"),
    [
        ("sub-01", FMRIPREP, (), PublishedName("sub-01_ses-1", "sub-01/ses-1")),
        ("01", FMRIPREP, (), PublishedName("sub-01_ses-1", "sub-01/ses-1")),
        ("sub-07_T1w", ("sub-07_T1w.nii.gz",), (), PublishedName("sub-07", "sub-07")),
        ("P1", tuple(f"P1/ses-2/freesurfer/{name}" for name in RECON_ALL), (), PublishedName("P1_ses-2", "P1_ses-2")),
        ("P_1", tuple(f"P_1/{name}" for name in RECON_ALL), ("--naming", "bids"), PublishedName("P_1", "sub-P1")),
        ("nobody", RECON_ALL, (), None),
    ],
)
def test_a_batch_knows_what_the_export_will_be_called_and_where_it_reads(tmp_path, listed, present, words, name):
    put(tmp_path, *present)
    asked = payload(tmp_path, *words)
    assert asked.name(listed) == name
    folder = asked.inputs(listed)
    assert (folder is None) == (name is None)
    if folder is not None:
        assert any((tmp_path / file).is_relative_to(folder) for file in present)


def test_an_id_without_a_name_in_bids_is_refused_before_any_work_and_has_its_own_folder_else(tmp_path):
    put(tmp_path, *(f"名前/{name}" for name in RECON_ALL))
    with pytest.raises(InputError, match="'名前' has no name in BIDS"):
        settle(
            BatchFiles(tmp_path / "out"), payload(tmp_path, "--naming", "bids").name, ["名前"], settled=lambda _: False
        )
    assert payload(tmp_path).name("名前") == PublishedName("名前", "名前")
    assert place(tmp_path / "out", "名前") == tmp_path / "out/名前"


def test_a_linked_study_folder_keeps_the_name_that_was_typed(tmp_path):
    put(tmp_path / "archive/scan_007", *RECON_ALL)
    (tmp_path / "bert").symlink_to("archive/scan_007")
    assert payload(tmp_path / "bert").name("bert") == PublishedName("bert", "bert")


def settled(files, asked, *subjects):
    return settle(files, asked.name, subjects, settled=lambda subject: is_there(files.out, subject))


def test_results_are_looked_for_where_the_export_puts_them_also_by_another_process(tmp_path, monkeypatch):
    files = BatchFiles(tmp_path / "out")
    files.make()
    settled(files, payload(put(tmp_path / "study", *FMRIPREP)), "sub-01", "nobody")
    monkeypatch.setattr(names, "_noted", {})  # as in another process
    assert place(files.out, "sub-01") == files.out / "sub-01/ses-1"
    assert identity(files.out, "sub-01") == "sub-01_ses-1"
    assert place(files.out, "nobody") == files.out / "nobody"


def test_lost_and_damaged_names_are_asked_for_again(tmp_path, monkeypatch):
    files = BatchFiles(tmp_path / "out")
    files.make()
    asked = payload(put(tmp_path / "study", *FMRIPREP))
    for damage in (files.names.unlink, lambda: files.names.write_text("sub-01\t../x\t/etc\nsub-01\n\t\t\n")):
        settled(files, asked, "sub-01")
        damage()
        monkeypatch.setattr(names, "_noted", {})
        assert place(files.out, "sub-01") == files.out / "sub-01"
        settled(files, asked, "sub-01")
        assert place(files.out, "sub-01") == files.out / "sub-01/ses-1"


def test_a_name_is_asked_for_anew_until_something_is_published_under_it(tmp_path):
    files = BatchFiles(tmp_path / "out")
    files.make()
    study = put(tmp_path / "study", "sub-01/anat/sub-01_T1w.nii.gz")
    settled(files, payload(study), "sub-01")
    put(study / "derivatives/fmriprep", *FMRIPREP)
    settled(files, payload(study), "sub-01")
    assert place(files.out, "sub-01") == files.out / "sub-01/ses-1"
    put(files.out, "sub-01/ses-1/provenance.json")
    shutil.rmtree(study)
    settled(files, payload(study), "sub-01")
    assert place(files.out, "sub-01") == files.out / "sub-01/ses-1"


@pytest.mark.parametrize(
    ("first", "other", "words"),
    [
        (
            PublishedName("P1_1", "sub-P11"),
            PublishedName("P11", "sub-P11"),
            "A and B would both be published as sub-P11",
        ),
        (PublishedName("sub-02", "sub-02"), PublishedName("sub-02", "sub-02"), "A and B are one person, sub-02"),
        (PublishedName("Sub1", "Sub1"), PublishedName("sub1", "sub1"), "ignores capitals"),
        (
            PublishedName("Jose\u0301", "Jose\u0301"),
            PublishedName("Jos\u00e9", "Jos\u00e9"),
            r"look alike.*'Jose\\u0301' and 'Jos\\xe9'.*composes letters",
        ),
    ],
)
def test_people_whose_results_would_meet_are_refused_and_both_are_named(first, other, words):
    with pytest.raises(InputError, match=words) as caught:
        require_distinct({"A": first, "B": other}, {})
    assert "A" in str(caught.value) and "B" in str(caught.value) and caught.value.hint


def test_somebody_of_an_earlier_list_is_met_as_well_but_may_be_listed_otherwise_again():
    earlier = {"P11": PublishedName("P11", "sub-P11"), "02": PublishedName("sub-02", "sub-02")}
    with pytest.raises(InputError, match="P11"):
        require_distinct({"P1_1": PublishedName("P1_1", "sub-P11")}, earlier)
    require_distinct({"sub-02": PublishedName("sub-02", "sub-02"), "P11": PublishedName("P11", "sub-P11")}, earlier)


@pytest.mark.parametrize(
    ("listed", "folders", "words"),
    [
        (("P1_1", "P11"), ("P1_1", "P11"), ("--naming", "bids")),
        (("sub-02", "02"), ("sub-02",), ()),
        (("sub-02", "02"), ("sub-02", "02"), ("--naming", "bids")),
        (("Sub1", "sub1"), ("Sub1", "sub1"), ()),
    ],
)
def test_a_list_of_them_is_refused(tmp_path, listed, folders, words):
    for folder in folders:
        put(tmp_path / "study" / folder, *RECON_ALL)
    options = as_json(given("--study-folder", str(tmp_path / "study"), *words))
    batch = _Batch(BatchFiles(tmp_path / "out"), Plan("0", options), list(listed))
    with pytest.raises(InputError) as caught:
        batch.settle_names(write=False)
    assert all(name in str(caught.value) for name in listed) and not (tmp_path / "out").exists()


def test_both_spellings_of_a_name_may_be_two_people(tmp_path):
    for folder in ("sub-02", "02"):
        put(tmp_path / folder, *RECON_ALL)
    asked = payload(tmp_path)
    assert [asked.name(name) for name in ("sub-02", "02")] == [
        PublishedName("sub-02", "sub-02"),
        PublishedName("02", "02"),
    ]
    assert asked.inputs("02") == tmp_path / "02"


def test_a_run_refuses_them_before_any_work(tmp_path):
    for folder in ("P1_1", "P11"):
        put(tmp_path / "study" / folder, *RECON_ALL)
    words = ["--study-folder", str(tmp_path / "study"), "--naming", "bids", "--out", str(tmp_path / "out")]
    refused = CliRunner().invoke(main, ["batch", "run", "P1_1", "P11", *words])
    assert refused.exit_code == 3 and "P1_1 and P11 would both be published as sub-P11" in refused.output
    assert not (tmp_path / "out").exists()


def test_a_batch_has_no_option_for_one_persons_name(tmp_path):
    done = run(tmp_path, "a", options=("--id", "b"))
    assert done.returncode == 2 and "--id" in done.stderr


def test_ids_that_mean_something_to_lists_shells_and_templates_are_done_and_told(tmp_path):
    done = run(tmp_path, *ODD)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {*ODD, ".wbtools"}
    assert all((tmp_path / subject / "provenance.json").is_file() for subject in ODD)
    assert f"{len(ODD)} subjects: {len(ODD)} done" in care("status", tmp_path).stdout
