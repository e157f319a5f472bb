"""A batch's wall: everybody of a batch on pages of thumbnails and in tables, made from finished exports."""

from wbtools.report.wall.gathering import Wall, gather
from wbtools.report.wall.site import FOLDER, SUBJECT, Site, publish
from wbtools.report.wall.standing import Standing

__all__ = ["FOLDER", "SUBJECT", "Site", "Standing", "Wall", "gather", "publish"]
