"""What `wbtools pack` put on record: what it left out and why, what it changed, and the hash of its README.txt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wbtools.errors import InputError
from wbtools.reading.record import Record, section
from wbtools.text import line

PACKED = "packed"
"""The section of a record that says it is that of a pack."""
README = "README.txt"
"""The file that a pack has beside those of its export."""

NAMES_PATIENT = "names the patient"
SHOWS_T1W = "shows the T1w"
MAY_SHOW_T1W = "may show the T1w"
NO_SCENE_LEFT = "has no scene left"


@dataclass(frozen=True)
class LeftOut:
    """A file of the export that is not in the pack.

    Parameters
    ----------
    why : str
        The end of a sentence about the file.
    sha256 : str
        In the export.
    """

    why: str
    sha256: str


@dataclass(frozen=True)
class Packing:
    """What was packed of an export, as the record of the pack says it; of an export, nothing.

    Parameters
    ----------
    left_out : mapping of str to LeftOut
        By their paths in the export; without what was made again since.
    changed : mapping of str to str
        SHA-256 in the export of files that are others in the pack.
    scenes : tuple of str
        Scenes that were left out.
    readme : str
        SHA-256 of the pack's README.txt; empty if none is on record.
    """

    left_out: Mapping[str, LeftOut] = field(default_factory=dict)
    changed: Mapping[str, str] = field(default_factory=dict)
    scenes: tuple[str, ...] = ()
    readme: str = ""

    @classmethod
    def of(cls, record: Record) -> Packing:
        """What a record says.

        Examples
        --------
        >>> packed = {"left_out": {"a.jpg": {"why": "shows the T1w", "sha256": "00"}}, "README.txt": {"sha256": "11"}}
        >>> found = Packing.of(Record({"packed": packed}, "100307", {}))
        >>> found.left_out["a.jpg"].why, found.readme
        ('shows the T1w', '11')
        """
        said = section(record.content, PACKED)
        whys = dict(_texts(section(said, "left_out"), "why"))
        hashes = dict(_texts(section(said, "left_out"), "sha256"))
        scenes = said.get("scenes_left_out")
        return cls(
            {name: LeftOut(why, hashes.get(name, "")) for name, why in whys.items() if name not in record.files},
            dict(_texts(section(said, "changed"), "sha256 in the export")),
            tuple(each for each in scenes if isinstance(each, str)) if isinstance(scenes, list) else (),
            dict(_texts(said, "sha256")).get(README, ""),
        )

    def refusal(self, name: str, place: Path) -> InputError | None:
        """Why a file that the pack leaves out cannot be read; None of other files.

        Examples
        --------
        >>> str(Packing({"a.jpg": LeftOut(SHOWS_T1W, "")}).refusal("a.jpg", Path("p.zip")))
        'p.zip does not hold a.jpg: left out by wbtools pack --without-t1w, since it shows the T1w'
        """
        if name not in self.left_out:
            return None
        why = line(self.left_out[name].why, 80)
        option = "" if why == NAMES_PATIENT else " --without-t1w"
        return InputError(
            f"{place} does not hold {line(name)}: left out by wbtools pack{option}, since it {why}",
            hint=f"read the export that was packed{', or pack it without this option' if option else ''}",
        )


def _texts(said: Mapping[str, object], key: str) -> Iterator[tuple[str, str]]:
    """A text of every file that has it, by the names of files."""
    for name, about in said.items():
        if isinstance(about, dict) and isinstance(about.get(key), str):
            yield name, about[key]
