"""What the description of a BIDS derivative says of its sources, and of the image that it was made in."""

import json

from wbtools.output.names.described_data import generated_by, source_datasets


def described(folder, **about):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset_description.json").write_text(json.dumps({"Name": "made", **about}))
    return folder


def test_a_source_nearby_has_a_relative_address_and_its_own_sources_have_theirs(tmp_path):
    raw = [{"URL": "https://openneuro.org/x", "DOI": "doi:10.1/x", "Path": "/home/me"}, {"URL": "file:///home/me"}, "?"]
    source = described(tmp_path / "ds" / "derivatives" / "fmriprep", DatasetDOI="doi:10.2/y", SourceDatasets=raw)
    for place in ("sub-01", "sub-01/ses-a", "sub-01/ses-a/anat"):
        assert source_datasets(tmp_path / "ds" / "derivatives" / "wbtools", source / place) == [
            {"URL": "../fmriprep", "DOI": "doi:10.2/y"},
            {"URL": "https://openneuro.org/x", "DOI": "doi:10.1/x"},
        ]


def test_the_way_to_a_source_far_away_is_nobody_s_business(tmp_path):
    source = described(tmp_path / "secret" / "project")
    assert source_datasets(tmp_path / "a" / "b" / "c", source / "sub-01") == []


def test_without_a_description_or_with_a_damaged_one_there_are_no_sources(tmp_path):
    (tmp_path / "ds" / "sub-01").mkdir(parents=True)
    assert source_datasets(tmp_path / "out", tmp_path / "ds" / "sub-01") == []
    for text in ("[]", "{", "\x00", '{"SourceDatasets": 3, "DatasetDOI": 4}'):
        (tmp_path / "ds" / "dataset_description.json").write_text(text)
        assert source_datasets(tmp_path / "a" / "b" / "c", tmp_path / "ds" / "sub-01") == []


def test_under_apptainer_the_container_is_named_without_the_path_of_its_image():
    made = generated_by({"WBTOOLS_CONTAINER": "docker://me/wbtools:1", "APPTAINER_CONTAINER": "/home/me/wbtools.sif"})
    assert made["Container"] == {"Type": "apptainer", "Tag": "me/wbtools:1", "URI": "docker://me/wbtools:1"}
    assert generated_by({"WBTOOLS_CONTAINER": "me/wbtools:1"})["Container"] == {"Type": "docker", "Tag": "me/wbtools:1"}
    assert "Container" not in generated_by({"APPTAINER_CONTAINER": "/home/me/wbtools.sif"})
