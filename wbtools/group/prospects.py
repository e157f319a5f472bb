"""What can be told of a group before anything is computed: from records and the table of people alone."""

from __future__ import annotations

from wbtools.group.members.cohort import choose
from wbtools.group.members.comparisons import contrasts
from wbtools.group.settings_of_group import GroupSettings
from wbtools.reading import Batch


def require_possible(batch: Batch, settings: GroupSettings) -> None:
    """Raise InputError for what `wbtools.group.analysis.analyse` would refuse, as far as it is told by small files.

    Parameters
    ----------
    batch : Batch
    settings : GroupSettings

    Raises
    ------
    InputError
        If networks, columns or terms are unknown, exports do not belong together, or people are too few.
    """
    for cohort in choose(batch, settings.selection, tables=False).cohorts:
        contrasts(settings.asked, cohort.participants)
