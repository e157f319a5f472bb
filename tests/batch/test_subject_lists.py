"""Lists of subjects come as text, as tables, through a pipe, or on the command line."""

import codecs
import gzip
import io
import logging
import os
import random
import threading
import time

import pytest

from wbtools.batch.subjects import is_id, parse, read, read_file, read_plain
from wbtools.errors import InputError
from wbtools.subject import require_plain_name
from wbtools.tables import listfile


def test_a_text_file_a_pipe_and_plain_ids_mean_the_same(tmp_path):
    text = "100307\n\n# those with a second scan\n100408\n100307\n"
    (tmp_path / "list.txt").write_text(text)
    assert read([str(tmp_path / "list.txt")], io.StringIO()) == ["100307", "100408"]
    assert read(["-"], io.StringIO(text)) == ["100307", "100408"]
    assert read(["100307", "100408", "100307"], io.StringIO()) == ["100307", "100408"]


def test_a_remark_behind_an_id_is_no_part_of_it_unless_the_study_has_such_a_name():
    text = "100307  # pilot, scanned twice\n100408\t#x\nP#1\n"
    assert parse(text, "list.txt") == ["100307", "100408", "P#1"]
    assert parse('"P #1"\nQ #2\n', "list.txt", known("Q #2")) == ["P #1", "Q #2"]


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
        ("../100307\n", "not a subject id"),
        ("100307 100408\n", "not a subject id"),
        (".hidden\n", "not a subject id"),
        ("-rf\n", "not a subject id"),
        ("participant_id\tage\n\t30\n", "not a subject id"),
        ("a..b\n", "not a subject id"),
        ("a/b\n", "not a subject id"),
    ],
)
def test_what_cannot_name_a_folder_is_refused_with_the_lists_name(text, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        parse(text, "people.tsv")
    assert "people.tsv" in str(caught.value)
    assert caught.value.hint


def test_a_list_that_is_not_there_is_named():
    with pytest.raises(InputError, match=r"lists/people\.txt"):
        read(["lists/people.txt"], io.StringIO())


@pytest.mark.parametrize("words", [["people.txt"], ["people.tsv"], ["100307", "people.csv"], ["100307", "a/b"]])
def test_a_word_that_means_a_file_is_never_taken_for_an_id(words):
    with pytest.raises(InputError, match=r"people|a/b"):
        read(words, io.StringIO())


def known(*people):
    return lambda word: word in people


ODD = ["a b", "#x", "*", "$(id)", "{}", "%j", "~1", "'", "Zoë 名前", "a;b|c&d>e"]
"""Names of folders that mean something in a list, to a shell or in a template."""


@pytest.mark.parametrize(
    "ids", [["subject", "b"], ["id"], ["participant_id", "n"], ["P1,a", "P1,b"], ["a+b=c@d", "x"], ODD]
)
def test_a_batchs_own_lists_hold_every_id_there_is(ids, tmp_path):
    text = "".join(f"{subject}\n" for subject in ids)
    (tmp_path / "round-1.txt").write_text(text)
    assert read_plain(str(tmp_path / "round-1.txt"), io.StringIO()) == ids
    assert read_plain("-", io.StringIO(text)) == ids
    assert read(ids, io.StringIO()) == ids


ASKED = [
    *ODD,
    "sub-01",
    " x",
    "x ",
    "",
    ".",
    "..",
    "a..b",
    ".a",
    "-rf",
    "a/b",
    "a\\b",
    "a\nb",
    "a\tb",
    "a\0b",
    "\x1b[31m",
    "\u202ea",
]


@pytest.mark.parametrize("word", ASKED)
def test_a_batch_takes_the_ids_that_an_export_takes_and_no_others(word):
    try:
        require_plain_name(word)
    except InputError:
        assert not is_id(word)
        return
    assert is_id(word) and read([word, "another"], io.StringIO()) == [word, "another"]
    assert parse(f'"{word}"\n', "people.txt") == [word]
    if word[0] != "#":  # as in a list, such a line is a remark
        assert parse(f"participant_id\tage\n{word}\t1\n", "people.tsv") == [word]


def test_an_id_with_a_blank_needs_the_study_or_quotation_marks():
    assert parse("a b\nc d\n", "people.txt", known("a b", "c d")) == ["a b", "c d"]
    assert parse('"a b"\n', "people.txt") == ["a b"]
    with pytest.raises(InputError, match="'a b' is not a subject id") as caught:
        parse("x\na b\n", "people.txt")
    assert "quotation marks" in caught.value.hint


def test_a_first_line_that_is_a_heading_word_is_a_person_if_the_study_has_that_one(caplog):
    caplog.set_level(logging.INFO, "wbtools")
    logging.getLogger("wbtools").propagate = True
    text = "subject\nsub-a\nsub-b\n"
    assert parse(text, "people.txt") == ["sub-a", "sub-b"]
    assert parse(text, "people.txt", known("sub-a", "sub-b")) == ["sub-a", "sub-b"]
    assert parse(text, "people.txt", known("subject", "sub-a")) == ["subject", "sub-a", "sub-b"]
    assert parse("ID\n", "people.txt", known("ID")) == ["ID"]
    assert "people.txt: the first line, 'subject', is a heading" in caplog.text
    assert "people.txt: the first line, 'subject', is a subject" in caplog.text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("participant_id\tgroup, arm\nsub-01\ta, b\nsub-02\tc; d\n", ["sub-01", "sub-02"]),
        ("age;Subject\n1,5;sub-01\n2,5;sub-02\n", ["sub-01", "sub-02"]),
        ('"notes, free",participant_id\n"5"" scar, left",sub-01\n"two\nlines",sub-02\n', ["sub-01", "sub-02"]),
        ('participant_id\tnotes\nsub-01\t"unfinished\nsub-02\t5" scar\n', ["sub-01", "sub-02"]),
        ('"participant_id"\n"sub-01"\n"P1,a"\n', ["sub-01", "P1,a"]),
        ("participant_id\tage\nsub-01\t3\nn/a\t4\nsub-02\t5\n", ["sub-01", "sub-02"]),
        ("sub-01\nn/a\nN/A\nsub-02\n", ["sub-01", "sub-02"]),
        ("participant_id,age\nsub-01,3\n,\n,\n", ["sub-01"]),
        ("100307\n100408,a\n", ["100307", "100408,a"]),
        ('"100408,a"\n100307\n', ["100408,a", "100307"]),
        ("participant_id\tage\nsub-01\n\n# out\nsub-02\t4\n", ["sub-01", "sub-02"]),
        ("sub-01\rsub-02\r\nsub-01\n", ["sub-01", "sub-02"]),
    ],
)
def test_tables_of_spreadsheets_and_of_bids_are_read_as_they_are(text, found):
    assert parse(text, "people") == found


def test_an_id_with_a_comma_needs_the_study_or_quotation_marks():
    text = "P1,a\nP1,b\n"
    assert parse(text, "people.txt", known("P1,b")) == ["P1,a", "P1,b"]
    with pytest.raises(InputError, match="no column of subjects") as caught:
        parse(text, "people.txt")
    assert "quotation marks" in caught.value.hint


def test_a_quotation_mark_without_an_end_swallows_nobody():
    with pytest.raises(InputError, match="no table"):
        parse('participant_id,notes\nsub-01,"unfinished\nsub-02,fine\n', "people.csv")


def test_a_cell_may_be_long_and_an_id_may_not():
    long = "x" * 200_000
    assert parse(f'participant_id,notes\nsub-01,"{long}"\nsub-02,{long}\n', "people.csv") == ["sub-01", "sub-02"]
    assert parse(f"participant_id\tnotes\nsub-01\t{long}\n", "people.tsv") == ["sub-01"]
    with pytest.raises(InputError, match="not a subject id") as caught:
        parse(f"{long}\n", "people.txt")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_spreadsheets_encodings_are_known_by_their_mark(encoding, tmp_path):
    (tmp_path / "people").write_bytes("Subject\tname\r\nsub-01\tMüller\r\n".encode(encoding))
    assert read_file(tmp_path / "people") == ["sub-01"]


def test_old_encodings_are_read_where_they_cannot_mistake_an_id(tmp_path):
    (tmp_path / "names").write_bytes("participant_id\tname\nsub-01\tMüller\n".encode("latin-1"))
    assert read_file(tmp_path / "names") == ["sub-01"]
    (tmp_path / "ids").write_bytes("Müller\n".encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        read_file(tmp_path / "ids")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PK\x03\x04" + bytes(100), "workbook"),
        (gzip.compress(b"sub-01", mtime=0), "gzip"),
        (bytes(range(256)), "is no text"),
        (codecs.BOM_UTF16_LE + b"a", "damaged"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_what_is_no_text_is_called_by_its_name(data, reason, tmp_path):
    (tmp_path / "people.tsv").write_bytes(data)
    with pytest.raises(InputError, match=reason) as caught:
        read_file(tmp_path / "people.tsv")
    assert "people.tsv" in str(caught.value) and caught.value.hint


def test_folders_devices_and_endless_files_are_refused_at_once(tmp_path, monkeypatch):
    for path, reason in ((tmp_path, "folder"), ("/dev/zero", "device"), ("/dev/null", "device"), ("a\0/b", "null")):
        with pytest.raises(InputError, match=reason):
            read([str(path) + ("/" if path == tmp_path else "")], io.StringIO())
    with (tmp_path / "huge.txt").open("wb") as stream:
        stream.truncate(65 << 20)
    with pytest.raises(InputError, match="64 MiB"):
        read_file(tmp_path / "huge.txt")
    with open("/dev/zero") as endless, pytest.raises(InputError, match="64 MiB"):  # noqa: PTH123
        read(["-"], endless)


def test_a_pipe_is_read_to_its_end_and_given_up_if_nobody_writes(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")

    def write():
        time.sleep(0.2)
        with (tmp_path / "pipe").open("w") as stream:
            stream.write("sub-01\n")
            stream.flush()
            time.sleep(0.3)
            stream.write("sub-02\n" * 20000)

    writer = threading.Thread(target=write)
    writer.start()
    assert read_file(tmp_path / "pipe") == ["sub-01", "sub-02"]
    writer.join()
    monkeypatch.setattr(listfile, "_PATIENCE", 0.3)
    with pytest.raises(InputError, match="nobody writes"):
        read_file(tmp_path / "pipe")


def test_lists_of_any_bytes_are_read_or_refused_with_a_sentence(tmp_path):
    dice = random.Random(7)
    seeds = [b"participant_id\tage\nsub-01\t30\n", b'Subject,n\n"a, b",c\n', b"100307\n100408\n", b"a;id\r\n1;2\r\n"]
    path = tmp_path / "list.txt"
    for _ in range(1500):
        data = bytearray(dice.choice(seeds) * dice.randint(1, 3))
        for _ in range(dice.randint(0, 6)):
            data[dice.randrange(len(data))] = dice.choice([0, 9, 10, 34, 39, 44, 59, 92, 128, 255, dice.randrange(256)])
        path.write_bytes(data)
        try:
            found = read_file(path)
        except InputError as error:
            assert str(error) and "\n" not in str(error)
        else:
            assert found and all(subject and "/" not in subject and subject.isprintable() for subject in found)


def test_a_closed_standard_input_is_said_to_be():
    with pytest.raises(InputError, match="standard input is closed"):
        read(["-"], None)


@pytest.mark.parametrize("mark", ["\t", ","])
def test_row_names_of_r_are_taken_for_nobody(mark):
    """They move every cell, so that a row's number, or an age, would be somebody's id."""
    text = f'"participant_id"{mark}"age"\n"1"{mark}"sub-01"{mark}30\n"2"{mark}"sub-03"{mark}30\n'
    with pytest.raises(InputError, match="row 2 has 3 cells, the heading 2"):
        parse(text, "people.tsv")
