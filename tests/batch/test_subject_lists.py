"""Lists of subjects come as text, as tables, through a pipe, or on the command line."""

import io

import pytest

from wbtools.batch.subjects import parse, read
from wbtools.errors import InputError


def test_a_text_file_a_pipe_and_plain_ids_mean_the_same(tmp_path):
    text = "100307\n\n# those with a second scan\n100408\n100307\n"
    (tmp_path / "list.txt").write_text(text)
    assert read([str(tmp_path / "list.txt")], io.StringIO()) == ["100307", "100408"]
    assert read(["-"], io.StringIO(text)) == ["100307", "100408"]
    assert read(["100307", "100408", "100307"], io.StringIO()) == ["100307", "100408"]


@pytest.mark.parametrize(
    "text",
    [
        "participant_id\tage\nsub-01\t30\nsub-02\tn/a\n",
        "\ufeffage,Subject\n30,sub-01\n31,sub-02\n",
        "Subject;age\nsub-01;30\nsub-02;31\n",
        "participant_id\nsub-01\nsub-02\n",
    ],
)
def test_tables_are_read_by_the_heading_of_their_column(text, tmp_path):
    (tmp_path / "table").write_text(text, encoding="utf-8")
    assert read([str(tmp_path / "table")], io.StringIO()) == ["sub-01", "sub-02"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "lists no subject"),
        ("# nobody\n", "lists no subject"),
        ("participant_id\n", "lists no subject"),
        ("age\tsex\n30\tF\n", "no column of subjects"),
        ("../100307\n", "no subject id"),
        ("100307 100408\n", "no subject id"),
        (".hidden\n", "no subject id"),
        ("-rf\n", "no subject id"),
        ("participant_id\tage\n\t30\n", "no subject id"),
        ("a..b\n", "no subject id"),
        ("a/b\n", "no subject id"),
    ],
)
def test_what_cannot_name_a_folder_is_refused_with_the_lists_name(text, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        parse(text, "people.tsv")
    assert "people.tsv" in str(caught.value)
    assert caught.value.mend


def test_a_list_that_is_not_there_is_named():
    with pytest.raises(InputError, match=r"lists/people\.txt"):
        read(["lists/people.txt"], io.StringIO())


@pytest.mark.parametrize("words", [["people.txt"], ["people.tsv"], ["100307", "people.csv"], ["100307", "a/b"]])
def test_a_word_that_means_a_file_is_never_taken_for_an_id(words):
    with pytest.raises(InputError, match=r"people|a/b"):
        read(words, io.StringIO())
