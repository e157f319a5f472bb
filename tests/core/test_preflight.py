"""Options are checked before any work, in dry runs too, and an existing output hides no other mistake."""

import json
import shutil
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner
from made_heads import write_network

from wbtools.attribution import Target
from wbtools.cli import main
from wbtools.cli.batch.options import export_asked
from wbtools.cli.console import Held
from wbtools.errors import InputError
from wbtools.exporting import computation, face_removal, networks, preflight, recording
from wbtools.exporting.preflight import Inputs, require_machine, require_others
from wbtools.exporting.preparation import Tools
from wbtools.exporting.session.scene_types import SCENES
from wbtools.exporting.settings import ExportJob, ExportSettings
from wbtools.native.projection import NativeProjection
from wbtools.placement import brain_extraction
from wbtools.provenance import Provenance
from wbtools.subject import find
from wbtools.subject.selection import NOBODY, Comparison, FileChoice, find_people


@pytest.fixture(scope="module")
def study(small_study):
    return small_study("LAS")


@pytest.fixture
def out(tmp_path):
    """A folder of exports in which 100307 was exported before."""
    (tmp_path / "out" / "100307").mkdir(parents=True)
    record = {"wbtools": "0.1.0", "subject": {"id": "100307"}, "outputs_sha256": {}}
    (tmp_path / "out" / "100307" / "provenance.json").write_text(json.dumps(record))
    return tmp_path / "out"


def export(study, out, *options):
    return CliRunner().invoke(
        main, ["export-subject", "100307", "--study-folder", str(study), "--out", str(out), *options]
    )


MISTAKES = [
    (("--allow", "contrst"), 3, "did you mean contrast?"),
    (("--wb-command", "/usr/bin/wb_comand", "--no-render"), 4, "/usr/bin/wb_comand is not a program"),
    (("--work", __file__), 3, "is no folder"),
    (("--work", f"{__file__}/x"), 3, "is no folder"),
    (("--work", "/proc/x"), 3, "--work /proc/x cannot be made in /proc"),
    (("--work", "x" * 256), 3, "a name of 256 bytes is too long"),
    (("--references", "1.5"), 3, "--references 1.5 is not a whole number of people"),
    (("--references", "99999999999"), 3, "--references 99999999999: 64 people are the most"),
    (("--references", "made-up", "--method", "gradient"), 3, "choose --method from deviation-smooth (the default),"),
    (("--references", "0"), 3, "--references 0 is not a number of people"),
    (("--references", "nobody.txt"), 3, "--references nobody.txt does not exist"),
    (("--references", "2"), 3, "has 0 other people"),
    (("--references", "template", "--method", "lrp"), 3, "--references template is not used"),
    (("--target", "clas:male"), 3, "'clas' cannot be explained"),
    (("--target", "class:male"), 3, "choose --target from embedding, dimension[:K], pair, contrast, distance, or"),
    (("--target", "dimension:5000"), 3, "no dimension 5000"),
    (("--target", "pair"), 3, "--other"),
    (("--target", "distance", "--other", "100307"), 3, "no difference to explain"),
    (("--model", "nothere.pt"), 3, "nothere.pt"),
]


@pytest.mark.parametrize(("options", "code", "words"), MISTAKES)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_mistake_is_told_first_by_both_runs_also_where_an_export_lies_already(study, out, options, code, words, dry):
    done = export(study, out, *options, *dry)
    assert done.exit_code == code and words in " ".join(done.output.split()), done.output
    assert "exists already" not in done.output and "T1w and surfaces" not in done.output


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_without_another_mistake_the_existing_export_is_told(study, out, dry):
    done = export(study, out, *dry)
    assert done.exit_code == 3 and "add --overwrite" in " ".join(done.output.split())


def test_a_folder_for_caches_that_can_be_made_is_welcome(tmp_path):
    require_machine(ExportSettings(work=tmp_path / "new" / "work"))
    assert not (tmp_path / "new").exists()


def test_a_batch_refuses_an_unknown_check_and_target_before_it_begins(tmp_path):
    from wbtools.cli.batch.run import run

    for words in (["--allow", "contrst"], ["--target", "clas"]):
        given = run.make_context("run", ["100307", "--out", str(tmp_path), *words]).params
        with pytest.raises(InputError):
            export_asked(given)


@pytest.fixture
def scans(tmp_path):
    """Two images, and a copy of the first under another name."""
    for name, value in (("a", 1), ("b", 2)):
        nibabel.save(nibabel.Nifti1Image(np.full((2, 2, 2), value, np.float32), np.eye(4)), tmp_path / f"{name}.nii.gz")
    shutil.copy(tmp_path / "a.nii.gz", tmp_path / "copy.nii.gz")
    return tmp_path


def inputs(study, compared):
    return Inputs(find(study, "100307"), find_people(study, compared, FileChoice()), FileChoice())


def admitted(study, target, other, *others):
    compared = Comparison(str(other), tuple(map(str, others)))
    require_others(compared, target and Target.parse(target), inputs(study, compared))


def test_a_person_is_not_compared_with_his_own_image_whatever_its_name(study, scans):
    shutil.copy(find(study, "100307").t1w, scans / "somebody.nii.gz")
    for other in (scans / "somebody.nii.gz", study / "100307"):
        with pytest.raises(InputError, match="image of 100307 itself"):
            admitted(study, "pair", other)
        admitted(study, None, other)  # without such a target, it is noted beside the distance
    admitted(study, "pair", scans / "a.nii.gz")


def test_a_contrast_with_one_image_twice_is_refused(study, scans):
    with pytest.raises(InputError, match="image of --other"):
        admitted(study, "contrast", scans / "a.nii.gz", scans / "copy.nii.gz")
    admitted(study, "contrast", scans / "a.nii.gz", scans / "copy.nii.gz", scans / "b.nii.gz")


def test_another_person_needs_no_target(study, scans):
    given = inputs(study, Comparison(str(scans / "a.nii.gz")))
    tools = Tools(NativeProjection(1), None, 1)
    (found,) = computation.compared_with(given, {}, None, tools, Provenance({}))
    assert found.atlas is None


def test_notices_name_their_network_and_are_held_back_from_the_log_of_an_export(caplog):
    record, held = Provenance({}), Held()
    caplog.handler.addFilter(held)
    with caplog.at_level("INFO"):
        record.notice("Passed: all is well.", about="unet", grave=False)
        record.notice("", about="unet")
        caplog.handler.removeFilter(held)
        record.notice("Not to be trusted.", about="unet-mine")
        record.notice("Passed: all is well.", about="unet-mine", grave=False)
    assert record.notices[0] == "unet: Passed: all is well." and held.sentences == record.notices[:1]
    assert [(entry.levelname, entry.getMessage()) for entry in caplog.records] == [
        ("WARNING", "unet-mine: Not to be trusted."),
        ("INFO", "unet-mine: Passed: all is well."),
    ]


def test_a_terminal_shows_a_caution_once_whatever_the_networks_and_files_have_it_for_each():
    record = Provenance({})
    for name in ("unet", "resnet"):
        record.notice("Coarse. Measured at length.", about=name, brief="Coarse.")
        record.notice("Passed.", about=name)
        record.notice("Said above.", about=name, brief="")
    assert record.briefs == ["Coarse.", "unet: Passed.", "resnet: Passed."]
    assert len(record.notices) == 6 and record.notices[0] == "unet: Coarse. Measured at length."


def test_two_networks_of_one_name_are_told_apart_wherever_they_are_named(tmp_path):
    for file in files("wbtools.data").iterdir():
        if file.name.startswith("demo_unet"):
            for name in ("first", "second"):  # brains that the card names keep their names
                ours = file.name.replace("demo_unet.", f"{name}.")
                shutil.copy(str(file), tmp_path / ours)
    record = Provenance({})
    paths = (tmp_path / "first.pt", tmp_path / "second.pt")
    loaded = networks.load(paths, ExportSettings().explanation, NOBODY)
    found = networks.by_name(loaded, paths)
    recording.note_deciding(record, loaded, ())
    recording.note_networks(record, list(found.values()))
    assert [network.name for network in found.values()] == list(found) and len(found) == 2
    assert all(name.endswith(end) for name, end in zip(found, ("first", "second"), strict=True))
    assert [notice.partition(": ")[0] for notice in record.notices] == list(found)
    assert record.deciding == networks.deciding(loaded, ())  # names do not decide


def test_a_dry_run_says_what_is_written_of_a_head_and_which_mask_makes_it(study, tmp_path, monkeypatch):
    done = export(study, tmp_path, "--dry-run").output
    said = "will make: the T1w without face and skull, where it shows them: "
    assert f"{said}the outline of its segmentation, and 4 mm around it" in done
    assert "with the face (--keep-face)" in export(study, tmp_path, "--dry-run", "--keep-face").output
    subject = find(study, "100307")
    assert "its brain mask" in face_removal.planned(replace(subject, brain_mask=subject.t1w), False)
    head = replace(subject, segmentation=None)
    monkeypatch.setattr(brain_extraction, "installed", lambda: "1.0.2")
    assert "what deepbet takes for brain, and 4 mm around it" in face_removal.planned(head, False)
    monkeypatch.setattr(brain_extraction, "installed", lambda: None)
    assert "the template's brain" in face_removal.planned(head, False)


def test_a_dry_run_names_the_second_method_and_refuses_the_first_as_second(study, tmp_path):
    assert "second map by: occlusion" in export(study, tmp_path, "--dry-run", "--also", "occlusion").output
    assert "second map" not in export(study, tmp_path, "--dry-run").output
    refused = export(study, tmp_path, "--dry-run", "--method", "occlusion", "--also", "occlusion")
    assert refused.exit_code == 3 and "--also occlusion is the method of the first map" in refused.output


def planned(study, out, *options):
    """The lines of a dry run about methods and references."""
    done = export(study, out, "--dry-run", *options)
    assert done.exit_code == 0, done.output
    return [line for line in done.output.splitlines() if line.startswith(("method", "reference"))]


TEMPLATE = "the MNI152 template (nilearn)"
HEADS = f"8 made-up heads, deformations of {TEMPLATE}"


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ((), ("method: deviation-smooth", f"references: {HEADS}")),
        (("--method", "deviation"), ("method: deviation", f"references: {TEMPLATE}")),
        (("--method", "deviation", "--references", "made-up"), ("method: deviation", f"references: {HEADS}")),
        (("--method", "gradient"), ("method: gradient", "references: none")),
        (("--references", "template"), ("method: deviation-smooth", f"references: {TEMPLATE}")),
        (
            ("--method", "deviation", "--also", "deviation-magnitude"),
            (
                "method: deviation; second map by: deviation-magnitude",
                f"references: deviation: {TEMPLATE}; deviation-magnitude: {HEADS}",
            ),
        ),
    ],
)
def test_a_dry_run_says_by_which_methods_and_with_which_references(study, tmp_path, options, lines):
    plain = write_network(tmp_path, "plain")  # whose card names no brains
    assert planned(study, tmp_path / "out", "--model", str(plain), *options) == list(lines)


def test_a_dry_run_names_the_brains_of_the_built_in_networks_card(study, tmp_path):
    own = "references: 5 brains of the network's card"
    assert planned(study, tmp_path) == ["method: deviation-smooth", own]
    template = "references: the brain of the network's card, demo_unet_reference.nii.gz"
    assert planned(study, tmp_path, "--method", "deviation") == ["method: deviation", template]


def test_a_dry_run_names_each_other_brain_once_and_says_who_is_left_out(study, tmp_path, scans):
    own = study / "100307/T1w/T1w_acpc_dc_restore_brain.nii.gz"
    (scans / "list.txt").write_text(f"100307\n{own}  # the same\na.nii.gz\ncopy.nii.gz\n{scans / 'b.nii.gz'}\n")
    asked = ("--references", str(scans / "list.txt"))
    assert planned(study, tmp_path / "out", *asked)[1:] == [
        "references: 2 people of list.txt",
        f"reference: {scans / 'a.nii.gz'}",
        f"reference: {scans / 'b.nii.gz'}",
    ]
    said = export(study, tmp_path / "out", "--dry-run", *asked).output
    assert "note: References: 2 of 5 were left out, whose image is that of another one." in said
    assert "note: References: 1 of 3 were left out, who are the exported person or one compared with." in said


def test_two_networks_that_are_explained_in_two_ways_have_lines_of_their_own(study, tmp_path):
    head, brain = (write_network(tmp_path, name) for name in ("head", "brain"))
    card = json.loads(head.with_suffix(".json").read_text())
    head.with_suffix(".json").write_text(json.dumps({**card, "skull_stripped": False}))
    done = export(study, tmp_path / "out", "--dry-run", "--model", str(head), "--model", str(brain)).output
    assert "head: method: integrated-gradients-zero" in done and "head: references: none" in done
    assert "brain: method: deviation-smooth" in done
    for options in (("--method", "deviation"), ("--method", "deviation-magnitude", "--references", "made-up")):
        refused = export(study, tmp_path / "out", "--dry-run", "--model", str(head), *options)
        assert refused.exit_code == 3 and "the reference brain has no skull" in refused.output


def test_exports_do_not_go_into_the_folder_of_references(study, scans):
    refused = export(study, scans, "--dry-run", "--references", str(scans))
    assert refused.exit_code == 3 and "is the folder of --references, which is never written to" in refused.output
    assert export(study, scans / "exports", "--dry-run", "--references", str(scans)).exit_code == 0


def test_every_picture_is_in_the_page_on_outputs():
    page = (Path(__file__).parents[2] / "docs" / "reference" / "outputs.md").read_text()
    names = {scene.name for scene in SCENES}
    assert "region-heatmap-calibrated" in names and len(names) == len(SCENES)
    assert [name for name in names if f"{name}.png" not in page] == []
    assert len([row for row in page.splitlines() if row.startswith("| `unet: ")]) == len(SCENES)


def test_references_are_kept_in_work_else_in_the_folder_of_the_batch(study, tmp_path):
    job = ExportJob("100307", study, tmp_path / "out", cache=tmp_path / "batch")
    assert preflight.find(job, ExportSettings()).cache == tmp_path / "batch"
    assert preflight.find(job, ExportSettings(work=tmp_path / "work")).cache == tmp_path / "work"
    assert preflight.find(replace(job, cache=None), ExportSettings()).cache is None
