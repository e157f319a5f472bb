"""What a group of exports has in common."""

from wbtools.group.analysis import GroupResult, analyse
from wbtools.group.settings_of_group import GroupSettings

__all__ = ["GroupResult", "GroupSettings", "analyse"]
