"""What is printed can be read, whatever names hold, however narrow or old the terminal, and whoever leaves."""

import io
import logging
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.cells import cell_len

from wbtools.anatomy import SUBCORTEX, Kind, Region
from wbtools.cli import console, failures, summary
from wbtools.errors import InputError
from wbtools.exporting.pipeline import ExportResult
from wbtools.model import built_in_file
from wbtools.regions.ranking import AgainstNull, NullSummary, Ranking, RegionRelevance

PROGRAM = [sys.executable, "-c", "from wbtools.cli import main; main()"]
WICKED = "[/b] it's \x1b[31m\n2 Zoë 北京 :warning: =cmd()\t"


def run(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **environment):
    return subprocess.run(
        [*PROGRAM, *words], stdout=stdout, stderr=stderr, stdin=subprocess.DEVNULL, env={**os.environ, **environment}
    )


@pytest.fixture
def deserted():
    """The writing end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.mark.parametrize("words", [["--help"], ["batch", "--help"], ["models"], ["--version"]])
def test_a_reader_that_leaves_changes_no_exit_code(deserted, words):
    done = run(*words, stdout=deserted)
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_error_nobody_reads_keeps_its_exit_code(deserted, tmp_path):
    (tmp_path / "100307").mkdir()
    assert run("demo-subject", str(tmp_path), stdout=deserted, stderr=deserted).returncode == 3


def test_a_full_disk_is_told_and_tried_again():
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = run("--help", stdout=full)
    assert done.returncode == 75 and b"could not be written" in done.stderr and b"Traceback" not in done.stderr


@pytest.mark.parametrize("stdout", ["/dev/full", os.devnull])
def test_words_that_find_no_room_end_no_command_and_its_files_are_said_to_be_whole(tmp_path, stdout):
    for file in built_in_file().parent.glob("demo_unet*"):
        shutil.copy(file, tmp_path)
    with open(stdout, "wb") as stream:  # noqa: PTH123
        done = run("models", "convert", str(tmp_path / "demo_unet.pt"), stdout=stream)
    assert (tmp_path / "demo_unet.safetensors").exists()
    full = stdout == "/dev/full"
    assert done.returncode == (75 if full else 0)
    assert (b"the files that it made are whole" in done.stderr) == full


def test_a_mistake_keeps_its_exit_code_where_nothing_can_be_printed(tmp_path):
    (tmp_path / "100307").mkdir()
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        assert run("demo-subject", str(tmp_path), stdout=full, stderr=full).returncode == 3


def test_closed_streams_are_no_failure():
    assert subprocess.run(["bash", "-c", '"$@" >&- 2>&-', "x", *PROGRAM, "--help"]).returncode == 0


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_a_terminal_that_lacks_letters_shows_their_codes(tmp_path, environment):
    folder = tmp_path / WICKED
    (folder / "100307").mkdir(parents=True)
    done = run("demo-subject", str(folder), **environment)
    assert done.returncode == 3 and b"Traceback" not in done.stderr
    assert b"[/b]" in done.stderr and b"\x1b[31m" not in done.stderr
    assert [line[:5] for line in done.stderr.splitlines()] == [b"Error", b"Hint:"]


def test_a_path_is_printed_as_it_is_and_its_command_can_be_pasted(tmp_path):
    folder = tmp_path / "[/b] it's :warning: ünï"
    code = (
        "from wbtools.subject import demo; demo.write_demo_subject = lambda folder, subject, person: folder / subject; "
    )
    code += "from wbtools.cli import main; main()"
    for encoding in ("utf-8", "ascii"):
        done = subprocess.run(
            [sys.executable, "-c", code, "demo-subject", str(folder)],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONIOENCODING": encoding},
        )
        printed = done.stdout.decode(encoding)
        assert "[/b] it's :warning:" in printed
        (command,) = re.findall("Next:  wbtools (.*)", printed)
        words = subprocess.run(["bash", "-c", f"printf '%s\\n' {command}"], capture_output=True, check=True).stdout
        assert words.decode().splitlines() == ["export-subject", "100307", "--study-folder", str(folder)]


def test_a_message_of_the_log_forges_no_line(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    console.set_up_logging(0)
    logging.getLogger("wbtools.x").warning("a\n12:00:00 INFO forged \x1b[2J %s", "[/b]\r")
    (line,) = stream.getvalue().splitlines()
    assert line.endswith("WARNING a 12:00:00 INFO forged \\x1b[2J [/b]")


def test_the_console_takes_no_markup_and_no_control_characters(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    console.out.print("[/b] [red]:warning: \x1b[31m\x07 " + "x" * 300)
    assert sys.stdout.getvalue() == "[/b] [red]:warning: \\x1b[31m\\x07 " + "x" * 300 + "\n"


def _ranking(null=True, extra="", volume=123456.0, networks=24):
    against = AgainstNull(1.0, 1.0, 1.0, -12.34, 0.5, 0.5, 379)
    rows = tuple(
        RegionRelevance(
            Region(500 + i, structure.value + extra, None, Kind.SUBCORTEX, (1, 0, 0, 1)),
            9, volume, 1.0, 1.0, 1.0, -1.2345, 0.5, i + 1, against if null else None,
        )
        for i, structure in enumerate(SUBCORTEX)
    )  # fmt: skip
    outside = RegionRelevance(None, 9, 1.0, 1.0, 1.0, 1.0, 0.5, 0.0, None)
    return Ranking(rows, outside, 1.0, NullSummary(networks, 1.0, 0.5, 9.0) if null else None)


@pytest.mark.parametrize("width", [50, 64, 80, 120])
@pytest.mark.parametrize("extra", ["", "_OF_A_VERY_LONG_ATLAS_OF_SOMEBODY_RIGHT", "北京" * 30])
@pytest.mark.parametrize("null", [True, False])
def test_the_table_fits_the_terminal_and_cuts_no_number(width, extra, null):
    columns = summary.columns(_ranking(null, extra))
    lines = summary.table(columns, width)
    assert len(lines) == 11 and max(map(cell_len, lines)) <= width
    kept = [column for column in columns if column.heading in lines[0].split()]
    assert {"rank", "region", "score"} <= {column.heading for column in kept}
    for i, line in enumerate(lines[1:]):
        for column in kept:
            assert column.heading == "region" or column.cells[i] in line.split()


def test_eighty_columns_show_every_column_and_both_sides_whole():
    lines = summary.table(summary.columns(_ranking()), 80)
    assert lines[0].split() == ["rank", "calib.", "z", "region", "kind", "mm3", "share", "score"]
    assert "DIENCEPHALON_VENTRAL_LEFT " in "".join(lines)
    wide = "".join(summary.table(summary.columns(_ranking(extra="_AND_SOME_MORE_WORDS_RIGHT")), 80))
    assert "_RIGHT" in wide and "…" in wide


@pytest.mark.parametrize(
    ("networks", "said"),
    [
        (24, "24 randomised networks: regions that stand out (p < .05, corrected): 0"),
        (8, "8 randomised networks: too few"),
        (19, "too few"),
    ],
)
def test_networks_too_few_for_a_region_to_stand_out_are_said_to_be(capsys, networks, said):
    summary._say_regions("net", _ranking(networks=networks))
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(("found", "more"), [(15, " and 5 more"), (10, "")])
def test_regions_that_stand_out_and_are_not_named_are_counted(capsys, found, more):
    ranking = _ranking()
    out = [replace(row, null=replace(row.null, p=0.01, rank=row.rank)) for row in ranking.rows[:found]]
    summary._say_regions("net", replace(ranking, rows=(*out, *ranking.rows[found:])))
    *_, said, names = capsys.readouterr().out.splitlines()
    assert said.endswith(f"corrected): {found}")
    assert names.strip() == ", ".join(row.region.name for row in ranking.rows[:10]) + more


def test_the_width_is_that_of_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert console.Terminal().width == 60


LONG = "Note: " + " ".join(f"word-{i}/of/a/path" for i in range(40)) + " " + "x" * 100


def test_sentences_break_at_words_on_a_terminal_and_stay_whole_in_a_pipe(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert console.Terminal().wrapped(LONG) == LONG
    terminal = console.Terminal()
    monkeypatch.setattr(terminal, "_file", SimpleNamespace(isatty=lambda: True, encoding="utf-8"))
    shown = terminal.wrapped(LONG).splitlines()
    assert " ".join(line.strip() for line in shown) == LONG
    assert all(cell_len(line) <= 60 for line in shown[:-1]) and all(line.startswith("  ") for line in shown[1:])


def test_what_an_error_lists_stands_in_lines_of_its_own_and_forges_none(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    with pytest.raises(SystemExit):
        failures.reports_errors(_fail)(
            "2 of 6 checks failed\n  areas: 6 are\nmissing\n  sides: swapped\nError: forged", "a\nb"
        )
    printed = capsys.readouterr().err.splitlines()
    assert printed == [
        "Error: 2 of 6 checks failed",
        "  areas: 6 are missing",
        "  sides: swapped Error: forged",
        "Hint: a b",
    ]


def _fail(message, hint):
    raise InputError(message, hint=hint)


@pytest.mark.parametrize("whole", [False, True])
def test_notices_are_short_and_lead_to_those_in_full_which_verbose_shows(capsys, whole):
    export = ExportResult(
        Path("out/1"),
        Path("out/1/x.scene"),
        (),
        {},
        {},
        {},
        {},
        ("unet: Coarse. At length.", "Passed."),
        ("Coarse.", "Passed."),
    )
    summary.summarise(export, whole=whole)
    printed = capsys.readouterr().out.splitlines()
    notes = [line for line in printed if line.startswith("Note")]
    short = ["Note: Coarse.", "Note: Passed.", "Notes in full: out/1/provenance.json"]
    assert notes == (["Note: unet: Coarse. At length.", "Note: Passed."] if whole else short)


def test_a_share_that_is_no_part_of_a_whole_is_explained():
    ranking = _ranking()
    assert "of both signs cancels" in summary.outside(ranking)
    rows = tuple(replace(row, share=0.01) for row in ranking.rows)
    assert summary.outside(replace(ranking, rows=rows)) == "outside the atlas: 50.0% of the relevance"


@pytest.mark.parametrize("date", ["abc", "9" * 20, "", "1.5"])
def test_a_date_that_is_none_ends_no_command(tmp_path, small_study, date):
    # numpy.f2py, which scipy.sparse imports, reads it as it is imported.
    words = ["export-subject", "100307", "--study-folder", str(small_study("LAS")), "--null", "0", "--no-render"]
    done = run(*words, "--no-report", "--mesh", "32k", "--out", str(tmp_path / "out"), SOURCE_DATE_EPOCH=date)
    assert done.returncode == 0, done.stderr
