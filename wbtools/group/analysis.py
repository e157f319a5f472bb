"""The analysis of a group, from exports to findings; nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from wbtools.drawing.renderer_names import OWN_RENDERER
from wbtools.errors import InputError
from wbtools.group.brain_context import Annotations
from wbtools.group.members.cohort import Chosen, LeftOut, Tell, choose
from wbtools.group.network_findings import NetworkFindings, network_findings
from wbtools.group.settings_of_group import GroupSettings
from wbtools.group.shared_maps import SharedMaps, shared_maps
from wbtools.group.telling import sentences
from wbtools.reading import Batch, NetworkResults
from wbtools.reading.batch import natural
from wbtools.reading.record import of_several, section
from wbtools.report.page import NOTICE
from wbtools.text import counted, line

if TYPE_CHECKING:
    import pandas as pd

_MOST_NOTICES = 8


def _nobody(done: int, total: int) -> None:
    """Is told how far it is."""


@dataclass(frozen=True, eq=False)
class GroupResult:
    """What was found in a group.

    Parameters
    ----------
    batch : Batch
    settings : GroupSettings
    chosen : Chosen
        Who is in it, and who is not.
    networks : dict of str to NetworkFindings
        By name in file names.
    shared : SharedMaps or None
        How far the networks agree; None if there is one only.

    Examples
    --------
    >>> result = analyse(wbtools.open_batch("out"))  # doctest: +SKIP
    >>> result.table.head()  # doctest: +SKIP
    """

    batch: Batch
    settings: GroupSettings
    chosen: Chosen
    networks: dict[str, NetworkFindings]
    shared: SharedMaps | None = None

    @property
    def people(self) -> tuple[str, ...]:
        """Ids of all who have a map in the group."""
        return tuple(sorted({who for each in self.networks.values() for who in each.cohort.people}, key=natural))

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Who is not in it, and why."""
        return tuple(sorted(self.chosen.left_out, key=lambda each: natural(each.who)))

    def network(self, name: str | None = None) -> NetworkFindings:
        """What was found of a network.

        Parameters
        ----------
        name : str, optional
            May be left out if there is one only.

        Raises
        ------
        InputError
            If there is none of this name, or none is named and there are several.
        """
        if name is None and len(self.networks) == 1:
            return next(iter(self.networks.values()))
        if name not in self.networks:
            raise InputError(f"the group has {len(self.networks)} networks", hint=f"name {', '.join(self.networks)}")
        return self.networks[name]

    @property
    def table(self) -> pd.DataFrame:
        """What was found of every region; of several networks one below the other, by network and region."""
        import pandas as pd

        if len(self.networks) == 1:
            return self.network().table
        return pd.concat({name: each.table for name, each in self.networks.items()}, names=["network", "region"])

    @cached_property
    def notices(self) -> tuple[str, ...]:
        """What every reader must know: what the exports' own records say of several people, and the group's."""
        return (*self.cautions, *_shared(self.networks.values()))

    @cached_property
    def cautions(self) -> tuple[str, ...]:
        """What must be known of the group before its figures are read."""
        return (*sentences.cautions(self.networks.values()), *sentences.rows(self.chosen, self.batch))

    @cached_property
    def briefs(self) -> tuple[str, ...]:
        """What must be said even where there is little room: who the people are, and what the networks."""
        results = _results(self.networks.values())
        long = {of_several(str(section(each.about, "attribution").get("caution", ""))) for each in results}
        return tuple(said for said in _shared(self.networks.values()) if not said.endswith(tuple(long - {""})))

    @property
    def headline(self) -> tuple[str, ...]:
        """The result: a sentence for each network, and for each of its contrasts."""
        return tuple(said for each in self.networks.values() for said in sentences.results(each))

    def _repr_html_(self) -> str:
        from html import escape

        said = "".join(f"<p>{escape(sentence)}</p>" for sentence in self.headline)
        return f"{said}{self.table.head(20).to_html(float_format=lambda value: f'{value:.3g}')}<p>{NOTICE}</p>"

    def __repr__(self) -> str:
        return f"<GroupResult of {len(self.people)} people, {', '.join(self.networks)}>"


def analyse(
    batch: Batch, settings: GroupSettings | None = None, tell: Tell = _nobody, tell_tests: Tell = _nobody
) -> GroupResult:
    """Analyse finished exports as a group.

    Parameters
    ----------
    batch : Batch
        As `wbtools.open_batch` gives it.
    settings : GroupSettings, optional
    tell : callable
        Told how many exports were read, and of how many.
    tell_tests : callable
        Told how many maps of vertices were tested, and of how many, for each network.

    Raises
    ------
    InputError
        If exports do not belong together, people are missing, or a contrast cannot be tested.
    """
    settings = settings or GroupSettings()
    chosen = choose(batch, settings.selection, tell)
    annotations = Annotations.read(settings.annotations, settings.permutations, settings.seed)
    networks = {
        cohort.network: network_findings(cohort, settings, annotations, tell_tests) for cohort in chosen.cohorts
    }
    return GroupResult(batch, settings, chosen, networks, shared_maps(tuple(networks.values())))


def _shared(networks: Iterable[NetworkFindings]) -> list[str]:
    """Notices of the exports, each once, with how many people it is of."""
    results = {each.record.subject: each for each in _results(networks)}
    counts = Counter(notice for each in results.values() for notice in _notices(each))
    several = [(notice, count) for notice, count in counts.most_common() if count > 1]
    said = [
        of_several(line(notice)) + (f" ({count} of {len(results)} people)" if count < len(results) else "")
        for notice, count in several[:_MOST_NOTICES]
    ]
    rest = len(counts) - len(said)
    are = "is" if rest == 1 else "are"
    more = f"{counted(rest, 'more notice')}, of single exports, {are} in their records."
    return [*said, *([more] if rest else [])]


def _results(networks: Iterable[NetworkFindings]) -> list[NetworkResults]:
    return [each for found in networks for each in found.cohort.results.values()]


def _notices(results: NetworkResults) -> list[str]:
    """What a record says besides the verdict on its maps, which the group counts, and what every page says.

    Who drew the pictures is left out, too: the group's are others.
    """
    verdicts = {str(section(about, "trust").get("verdict", "")) for about in results.record.networks.values()} - {""}
    return [
        notice
        for notice in results.record.notices
        if notice != NOTICE and not notice.startswith(OWN_RENDERER) and not notice.endswith(tuple(verdicts))
    ]
