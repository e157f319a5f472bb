"""A subject of a study, found and checked: `Subject`, whatever the layout of its folder.

The layouts are in `wbtools.subject.layouts`, with a module and an entry of the registry each.
"""

from wbtools.subject.finding import Location, find, locate, prepared, recognise
from wbtools.subject.identity import identity
from wbtools.subject.layouts import AUTO, LAYOUTS
from wbtools.subject.paths import resolve
from wbtools.subject.presence import Missing
from wbtools.subject.subject import (
    MESHES,
    MeshChoice,
    MeshName,
    Registration,
    Subject,
    SurfaceKind,
    check_meshes,
    meshes_named,
    require_plain_name,
)

__all__ = [
    "AUTO",
    "LAYOUTS",
    "MESHES",
    "Location",
    "MeshChoice",
    "MeshName",
    "Missing",
    "Registration",
    "Subject",
    "SurfaceKind",
    "check_meshes",
    "find",
    "identity",
    "locate",
    "meshes_named",
    "prepared",
    "recognise",
    "require_plain_name",
    "resolve",
]
