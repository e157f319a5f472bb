"""Pieces of one large result: what is removed with them, and what is not."""

from wbtools.batch import pieces

NAME = pieces.name_of(range(2))


class Words:
    """A job whose pieces are a line each."""

    def settings(self):
        return {"words": 1}

    def make(self, units, folder):
        (folder / "line.txt").write_text(f"{units}")
        return ["line.txt"]


def test_a_piece_is_removed_unless_somebody_put_a_file_into_it(tmp_path):
    pieces.publish(Words(), NAME, tmp_path)
    note = tmp_path / NAME / "note.txt"
    note.write_text("mine")
    pieces.discard(tmp_path, NAME)
    assert note.read_text() == "mine" and (tmp_path / NAME / "line.txt").exists()
    note.unlink()
    pieces.discard(tmp_path, NAME)
    assert list(tmp_path.iterdir()) == []
