"""Text of others can forge no line, row, formula, terminal command or XML."""

import csv
import io
import subprocess
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wbtools.text import cell, line, printable, shell, tsv
from wbtools.workbench import xml

WICKED = [
    "a\ttab",
    "two\nlines\r\nthree",
    "\x1b[2J\x1b]0;owned\x07",
    "=cmd()",
    "+1",
    "-1",
    "@sum",
    '"quoted',
    "  =cmd()",
    "\t=cmd()",
    "\uff1dcmd()",
    "[/b][red]",
    ":warning:",
    "x" * 10_000,
    "gpj.\u202eexe",
    "\x00\x85\u2028\u2029",
    "Zoë 北京 Жук",
    "\udcff",
    "",
]


@pytest.mark.parametrize("text", WICKED)
def test_a_line_is_one_printable_line_of_limited_length(text):
    shown = line(text)
    assert len(shown) <= 2000 and len(shown.splitlines()) <= 1
    assert shown.isprintable() and "\t" not in shown
    shown.encode("utf-8")


@given(st.text())
def test_every_text_becomes_a_line_that_xml_carries_unchanged(text):
    root = ET.Element("a", key=xml.plain(line(text)))
    root.text = xml.plain(line(text))
    again = ET.fromstring(ET.tostring(root))
    assert again.text == (line(text) or None) and again.get("key") == line(text)


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), min_size=1, max_size=5))
def test_every_table_of_cells_is_read_back_as_it_was_written(rows):
    written = [[cell(text) for text in row] for row in rows]
    read = list(csv.reader(io.StringIO(tsv(written), newline=""), delimiter="\t"))
    assert [row or ["", ""] for row in read] == written
    assert not any(text.startswith(("=", "+", "-", "@")) for row in written for text in row)


def test_ordinary_names_are_unchanged():
    for text in ("U-Net of 2026", "Zoë 北京 Жук", "L_V1_ROI", "a=b", "\u0645\u06cc\u200c\u062e"):
        assert line(text) == cell(text) == printable(text) == text


@pytest.mark.parametrize("text", [*WICKED[:-2], "it's", "$(id)", "a b\\c", "`id`", "ü\x1b'", "\udcff"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_printed_command_can_be_pasted_into_a_shell(text, encoding):
    if "\x00" in text:
        return  # no word of a command line holds one
    printed = shell("printf", "%s", text, encoding=encoding)
    printed.encode(encoding)
    assert printed.isprintable()
    done = subprocess.run(["bash", "-c", printed], capture_output=True, check=True)
    assert done.stdout == text.encode("utf-8", "surrogateescape")
