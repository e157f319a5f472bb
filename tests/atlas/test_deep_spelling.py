"""How `--subcortex` is written, and the tables of names beside label volumes."""

from itertools import combinations
from pathlib import Path

import pytest

from wbtools.anatomy import Hemisphere
from wbtools.atlas.deep import label_files
from wbtools.atlas.deep.known_sources import SOURCES
from wbtools.atlas.deep.label_source import regions_of
from wbtools.atlas.deep.label_table import NamedLabel, read_label_table
from wbtools.atlas.deep.spelling import recorded, sources_named
from wbtools.atlas.mmp import regions as areas
from wbtools.atlas.subcortex import subcortex_regions
from wbtools.errors import AtlasError, InputError
from wbtools.exporting.settings import ExportSettings
from wbtools.subject.selection import NOBODY

LEFT, RIGHT = Hemisphere


def known(file):
    """The labels that a file's table would have to have."""
    keys = enumerate(file.names, 1)
    return [NamedLabel(2 * key + (side is RIGHT), name, side) for key, name in keys for side in Hemisphere]


FILES = {f"{source.name}-{file.place}": file for source in SOURCES.values() for file in source.files}


def test_the_segmentation_alone_is_the_default_and_may_be_left_out():
    assert ExportSettings().subcortex == "aseg" and sources_named("aseg") == ()
    assert sources_named("hypothalamus") == sources_named("aseg+hypothalamus") == (SOURCES["hypothalamus"],)
    assert recorded("hypothalamus") == recorded("aseg+hypothalamus") == "aseg+hypothalamus"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("hypothalamus=/a+b/c+thalamic-nuclei", ["hypothalamus", "thalamic-nuclei"]),
        ("/d/space-T1w_aparc+aseg.nii.gz+hypothalamus", ["space-T1w_aparc+aseg.nii.gz", "hypothalamus"]),
        ("aseg+tpl-MNI152NLin6Asym_x.nii+./MNI152NLin6Asym/y.nii", ["tpl-MNI152NLin6Asym_x.nii", "y.nii"]),
    ],
)
def test_a_plus_inside_a_path_separates_nothing(text, names):
    assert [source.name for source in sources_named(text)] == names


def test_records_name_no_folder_of_this_machine():
    settings = ExportSettings(subcortex="aseg+/secret/x_space-T1w.nii.gz+melbourne=/secret/atlases")
    record = settings.as_record(NOBODY)
    assert record["subcortex"] == "aseg+x_space-T1w.nii.gz+melbourne" and "secret" not in str(record)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hypotalamus", "there is no such source"),
        ("hypothalamus+hypothalamus", "names hypothalamus twice"),
        ("thalamic-nuclei+melbourne", "both thalamic-nuclei and melbourne divide THALAMUS"),
        ("/data/nuclei.nii.gz", "does not say in which space"),
        ("hypothalamus=", "names no file or folder"),
        ("", "there is no such source"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_read(text, said):
    with pytest.raises(InputError, match=said) as caught:
        ExportSettings(subcortex=text)
    assert caught.value.hint


def test_a_folder_named_after_a_template_tells_the_space_of_its_files():
    (source,) = sources_named("/t1prep/templates_MNI152NLin2009cAsym/Cerebellum.nii.gz")
    assert source.files[0].space == "MNI152NLin2009cAsym"


def test_no_key_ever_means_two_regions_and_colours_differ():
    blocks = {name: regions_of(file, known(file)) for name, file in FILES.items()}
    blocks["whole"] = ()
    usual = {region.key for region in (*areas(), *subcortex_regions())}
    for name, block in blocks.items():
        keys = {deep.region.key for deep in block}
        assert not keys & usual and len(keys) == len(block), name
        sides = {deep.stem: deep.region.colour for deep in block}
        assert len(set(sides.values())) == len(sides), name
    for (here, first), (there, second) in combinations(blocks.items(), 2):
        shared = {deep.region.key for deep in first} & {deep.region.key for deep in second}
        same = {deep.region.name for deep in first} == {deep.region.name for deep in second}
        assert same or not shared, (here, there)  # the hypothalamus is the same region, whoever's labels it has


def test_names_are_those_of_the_house_and_parts_belong_to_their_structure():
    found = {deep.region.name: deep for file in FILES.values() for deep in regions_of(file, known(file))}
    for name in ("HYPOTHALAMUS_LEFT", "THALAMUS_MD_LEFT", "THALAMUS_PUA_RIGHT", "HIPPOCAMPUS_HEAD_M1_LEFT"):
        assert found[name].region.hemisphere.name in name
    assert found["HYPOTHALAMUS_LEFT"].structure.value == "DIENCEPHALON_VENTRAL_LEFT"
    assert found["THALAMUS_MD_RIGHT"].structure.value == "THALAMUS_RIGHT"
    assert found["ACCUMBENS_CORE_LEFT"].structure.value == "ACCUMBENS_LEFT"
    assert all(deep.structure for deep in found.values())


def table(folder: Path, text: str, name: str = "x.tsv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_bids_table_is_read_with_sides_from_its_names(tmp_path):
    text = "index\tname\tcolor\n0\tbackground\t#000000\n1\tLeft-AV\t#ff0000\n2\tred nucleus\t#00ff00\n"
    assert read_label_table(table(tmp_path, text)) == (
        NamedLabel(1, "AV", LEFT, (1.0, 0.0, 0.0, 1.0)),
        NamedLabel(2, "red nucleus", None, (0.0, 1.0, 0.0, 1.0)),
    )


def test_t1prep_s_table_has_the_side_in_front_of_its_abbreviations(tmp_path):
    text = "ROIid;ROIabbr;ROIname;ROIcolor\n1;lAMY;amygdala;255 0 0\n2;llAMY;lateral amygdala;0 0 255\n"
    first, second = read_label_table(table(tmp_path, text, "x.csv"))
    assert (first.name, first.side, second.name, second.side) == ("AMY", LEFT, "lAMY", LEFT)
    assert second.colour == (0.0, 0.0, 1.0, 1.0)


def test_a_column_of_sides_and_one_of_structures_decide(tmp_path):
    text = "key,name,side,structure\n4,AV,R,THALAMUS_RIGHT\n5,raphe,midline,BRAIN_STEM\n"
    first, second = read_label_table(table(tmp_path, text, "x.csv"))
    assert (first.side, first.structure, second.side, second.structure) == (RIGHT, "THALAMUS", None, "BRAIN_STEM")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n", "no column of the labels' keys"),
        ("index\tvalue\n1\t2\n", "no column of the labels' names"),
        ("index\tname\n1\tA\n1\tB\n", "names the label 1 twice"),
        ("index\tname\nA\t1\n", "is no label with a key and a name"),
        ("index\tname\n", "names 0 labels"),
        ("index\tname\tcolor\n1\tA\tred\n", "red is no colour"),
        ("index\tname\tside\n1\tA\tup\n", "names no hemisphere"),
        ("index\tname\tstructure\n1\tA\tTHALMUS\n", "THALMUS is no structure"),
    ],
)
def test_a_table_that_cannot_be_meant_is_one_sentence(tmp_path, text, said):
    path = table(tmp_path, text)
    with pytest.raises(InputError, match=said):
        read_label_table(path)


def test_names_that_make_no_region_are_refused():
    file = FILES["hypothalamus-t1prep"]
    with pytest.raises(InputError, match="its table has no label named MPO"):
        regions_of(file, [NamedLabel(1, "nothing", LEFT)])


def test_freesurfers_programs_are_offered_only_where_a_person_has_its_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(label_files, "package_folder", lambda: None)
    (tmp_path / "person/mri").mkdir(parents=True)
    for folder, offered in ((None, False), (tmp_path, False), (tmp_path / "person", True)):
        with pytest.raises(AtlasError, match="there are no labels for --subcortex hypothalamus") as caught:
            label_files.locate(SOURCES["hypothalamus"], folder)
        assert ("run FreeSurfer's mri_segment_hypothalamic_subunits" in caught.value.hint) is offered
        assert "pip install t1prep" in caught.value.hint


def test_a_place_that_is_not_there_is_said_to_be_so():
    with pytest.raises(AtlasError, match="/nope does not exist"):
        label_files.locate(SOURCES["hypothalamus"].at(Path("/nope")), None)


def test_a_place_holds_for_the_word_before_it_only(tmp_path, monkeypatch):
    monkeypatch.setattr(label_files, "package_folder", lambda: None)
    first, second = sources_named(f"hypothalamus+melbourne={tmp_path}")
    assert (first.place, second.place) == (None, tmp_path)
    with pytest.raises(AtlasError) as caught:
        label_files.locate(first, None)
    assert "hypothalamus=FOLDER" in caught.value.hint and "=FOLDER holds for hypothalamus only" in caught.value.hint
