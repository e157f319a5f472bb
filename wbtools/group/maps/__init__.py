"""The maps of a group: mean, spread and agreement of people's relevance, for Workbench, and people's maps for PALM."""

from wbtools.group.maps.averaging import CONSISTENCY, MEAN, SD, GroupMaps, average_maps
from wbtools.group.maps.group_files import GroupFile, NetworkMaps
from wbtools.group.maps.group_session import write_maps
from wbtools.group.maps.palm import PalmData, write_palm

__all__ = [
    "CONSISTENCY",
    "MEAN",
    "SD",
    "GroupFile",
    "GroupMaps",
    "NetworkMaps",
    "PalmData",
    "average_maps",
    "write_maps",
    "write_palm",
]
