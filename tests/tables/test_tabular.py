"""Tables are read whichever program wrote them: quotation marks are read as its own, and swallow no row."""

import csv
import io
import os
import shutil
import subprocess
import sys

import pytest

from wbtools.errors import InputError
from wbtools.tables import tabular

ROWS = [["id", "note", "size"], ["sub-01", 'a "b" c', "1"], ["sub-02", "two words, one comma; no more", "2"]]
"""What Python's csv, R and spreadsheets quote in one way or another."""


def read(folder, text):
    (folder / "t").write_text(text, newline="")
    return tabular.read_cells(folder / "t")


@pytest.mark.parametrize("mark", "\t,;")
@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC])
def test_what_csv_writes_is_read_as_it_was(tmp_path, mark, quoting):
    stream = io.StringIO()
    csv.writer(stream, delimiter=mark, quoting=quoting).writerows(ROWS)
    assert read(tmp_path, stream.getvalue()) == ROWS


def test_a_cell_with_a_line_break_or_a_tab_is_one_line_of_text(tmp_path):
    rows = [["id", "note", "size"], ["sub-01", "two\nlines", "1"], ["sub-02", "a\ttab", "2"]]
    for mark in "\t,":
        stream = io.StringIO()
        csv.writer(stream, delimiter=mark).writerows(rows)
        found = read(tmp_path, stream.getvalue())
        assert [row[1] for row in found] == ["note", "two lines", "a tab"] and [row[2] for row in found][1:] == [
            "1",
            "2",
        ]


def test_quotation_marks_of_tables_that_quote_nothing_are_letters(tmp_path):
    for notes in ('"open', '"open'), ('"', '"'), ('5" scar', '"so" he said'), ('"', "fine"):
        lines = "".join(f"sub-0{number}\t{note}\t{number}\n" for number, note in enumerate(notes, 1))
        assert [row[1] for row in read(tmp_path, f"id\tnote\tsize\n{lines}")[1:]] == list(notes)


def test_a_quoted_cell_with_a_tab_and_a_line_break_gives_nobody_anothers_values(tmp_path):
    text = 'id\tnote\tgroup\tage\nsub-1\t"seen\tb\t55\nlater"\ta\t22\nsub-2\tx\tb\t30\n'
    assert read(tmp_path, text)[1:] == [["sub-1", "seen b 55 later", "a", "22"], ["sub-2", "x", "b", "30"]]


def test_what_can_be_read_in_two_ways_is_refused(tmp_path):
    """A cell of two lines, while another row lacks cells: by lines, somebody called `line two"` would have an age."""
    text = 'id\tnote\tage\tsex\nsub-1\t"line one\nline two"\t22\tF\nsub-2\tx\n'
    with pytest.raises(InputError, match="can be read in two ways"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("id;age, years;dose\n1;30;0,5\n2;31;-10,25\n", [["1", "30", "0.5"], ["2", "31", "-10.25"]]),
        ('id,"a;b;c",dose\n1,x,"0,5"\n', [["1", "x", "0,5"]]),
        ('"id","a\tb"\n1,x\n', [["1", "x"]]),
        ("id\tcodes\n1\t1,2\n", [["1", "1,2"]]),
    ],
)
def test_separators_within_quotation_marks_are_letters_and_semicolons_go_with_decimal_commas(tmp_path, text, rows):
    assert read(tmp_path, text)[1:] == rows


def test_row_names_of_r_are_refused_with_the_way_out(tmp_path):
    with pytest.raises(InputError, match="row 2 has 3 cells, the heading 2") as caught:
        read(tmp_path, '"participant_id"\t"age"\n"1"\t"sub-01"\t30\n')
    assert "row.names = FALSE" in caught.value.hint


def test_marks_around_whole_cells_are_removed_beside_a_stray_one(tmp_path):
    text = '"id"\t"note"\n"sub-01"\t"say \\"hi\\""\n"sub-02"\t"open\n'  # the first is how R escapes
    assert read(tmp_path, text) == [["id", "note"], ["sub-01", 'say \\"hi\\"'], ["sub-02", '"open']]


def test_a_letter_of_latin_1_that_python_takes_for_a_line_break_is_none(tmp_path):
    (tmp_path / "t").write_bytes(b"id\tnote\nsub-01\tand so on\x85\nsub-02\tx\n")
    assert [row[0] for row in tabular.read_cells(tmp_path / "t")] == ["id", "sub-01", "sub-02"]


def test_a_cell_may_be_longer_than_csv_allows_by_itself(tmp_path):
    assert [len(row) for row in read(tmp_path, f'id,note\nsub-01,"{"x" * 200_000}"\n')] == [2, 2]


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may read everything")
def test_of_a_table_that_may_not_be_read_the_permissions_are_to_be_checked(tmp_path):
    (tmp_path / "t").write_text("id\n1\n")
    (tmp_path / "t").chmod(0)
    code = (
        "import sys; from pathlib import Path; from wbtools.errors import InputError\n"
        "from wbtools.tables import tabular\n"
        "try: tabular.read_cells(Path(sys.argv[1]))\n"
        "except InputError as error: print(error, '/', error.hint)"
    )
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*drop, sys.executable, "-c", code, tmp_path / "t"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{tmp_path / 't'} cannot be read: Permission denied / check its permissions\n"


def test_what_is_no_table_is_refused_with_a_hint(tmp_path):
    for text, said in (("\n \n", "is empty"), ("a\ta\n", "two columns called a"), ("a\n1,2\n", "row 2 has 2 cells")):
        with pytest.raises(InputError, match=said) as refused:
            read(tmp_path, text)
        assert refused.value.hint
