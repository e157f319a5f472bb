"""What a group of exports has in common."""

from wbtools.errors.in_python import in_python
from wbtools.group import analysis
from wbtools.group.analysis import GroupResult
from wbtools.group.settings_of_group import GroupSettings

analyse = in_python(analysis.analyse)

__all__ = ["GroupResult", "GroupSettings", "analyse"]
