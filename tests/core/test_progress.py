"""How far a long step is: what is counted has its name, and the time left is told."""

import re
import time

import pytest

from wbtools.cli import progress as shown
from wbtools.evaluating.maps.explaining import Counting


@pytest.fixture
def at_once(monkeypatch):
    """Without a terminal, a line at every look."""
    monkeypatch.setattr(shown, "_LINE_EVERY", 0.0)


def test_each_step_counts_its_own_things_and_says_how_long_the_others_take(at_once, capsys):
    with shown.several("image", "map") as (images, maps):
        images(0, 2)
        time.sleep(0.6)
        images(1, 2)
        images(2, 2)
        maps(0, 1)
    lines = [line.partition(" ")[2] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["0 of 2 images", "1 of 2 images, 0:01 left", "2 of 2 images, 0:00 left", "0 of 1 map"]


def test_people_and_bits_have_their_plurals(at_once, capsys):
    for noun in ("person", "bit"):
        with shown.progress(noun) as tell:
            tell(1, 2)
    assert re.findall(r"of 2 (\w+)", capsys.readouterr().err) == ["people", "bits"]


def test_without_a_terminal_lines_are_rare(capsys):
    with shown.progress() as tell:
        for done in range(100):
            tell(done, 100)
    assert not capsys.readouterr().err


@pytest.mark.parametrize("made", [(3, 3), (0, 3), (1, 0)])
def test_maps_of_methods_that_were_left_out_count_so_that_all_are_reached(made):
    told = []
    counting = Counting(lambda done, total: told.append((done, total)), images=2, methods=3)
    for count in made:
        for _ in range(count):
            counting.map()
        counting.image()
    assert told[0] == (0, 6) and told[-1] == (6, 6)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
