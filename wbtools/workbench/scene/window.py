"""The part of a scene that lies around the brain: tabs, their slices and angles, and the window."""

from __future__ import annotations

from pathlib import Path

from wbtools.workbench import xml
from wbtools.workbench.scene.brain import Files, brain, model
from wbtools.workbench.scene.elements import Rectangle
from wbtools.workbench.scene.scene import Scene, View, VolumeView
from wbtools.workbench.xml import Element

# Camera rotations, row by row. An absent matrix would mean the identity, from above.
_FROM_ABOVE = "1 0 0 0  0 1 0 0  0 0 1 0  0 0 0 1"
_FROM_LEFT = "0 -1 0 0  0 0 1 0  -1 0 0 0  0 0 0 1"


def gui_manager(scene: Scene, files: Files, folder: Path) -> Element:
    """The object that a scene consists of."""
    session = xml.instance(
        "m_sessionManager",
        "SessionManager",
        1,
        xml.array("m_brains", "class", [brain(scene, files, folder)]),
        xml.array("m_browserTabs", "class", [_tab(i, v, files) for i, v in enumerate(scene.views)]),
        xml.mapping("browserWindowContentMap", "class", {0: _content(scene)}),
        _colours(),
    )
    windows = xml.array("m_brainBrowserWindows", "class", [_window(scene)])
    return xml.instance("guiManager", "GuiManager", 1, session, windows)


def _tab(index: int, view: View, files: Files) -> Element:
    lettered = isinstance(view, VolumeView) and view.letters  # without letters, there is no slice worth the time
    return xml.instance(
        "m_browserTabs",
        "BrowserTabContent",
        7,  # the number of Workbench 1.5; later versions convert what they read
        xml.integer("m_tabNumber", index),
        xml.string("m_userName", view.name),
        xml.enumerated("m_selectedModelType", model(view, files).value),
        xml.enumerated("m_brainModelYokingGroup", "YOKING_GROUP_OFF"),  # absent: all tabs move together
        xml.boolean("m_displayVolumeAxesCrosshairs", False),
        xml.boolean("m_displayVolumeAxesCrosshairLabels", lettered),
        _slices(view, oblique=lettered and any(files[layer.path].oblique for layer in view.layers)),
        _camera("m_volumeSliceViewingTransformation", view.zoom, _FROM_ABOVE),
        _camera("m_viewingTransformation", view.zoom, _FROM_LEFT),
        xml.instance(
            "m_wholeBrainSurfaceSettings",
            "WholeBrainSurfaceSettings",
            1,
            xml.boolean("m_leftEnabled", False),
            xml.boolean("m_rightEnabled", False),
        ),
        _place(index, view.rectangle) if view.rectangle else None,
    )


def _slices(view: View, oblique: bool) -> Element:
    """Which slices, and where. An empty view shows one plane, and that only when there is a layer: none.

    Volumes along the world's axes are drawn voxel by voxel. Others are cut along the world's axes all the same, which
    takes longer, and ignores opacity.
    """
    projection = "OBLIQUE" if oblique else "ORTHOGONAL"
    slices = isinstance(view, VolumeView)
    x, y, z = view.centre if isinstance(view, VolumeView) else (0.0, 0.0, 0.0)
    return xml.instance(
        "m_volumeSliceSettings",
        "VolumeSliceSettings",
        2,  # below 4, so that later versions convert the plane
        xml.enumerated("m_sliceViewPlane", "ALL" if slices else "AXIAL"),
        xml.enumerated("m_slicePlanesAllViewLayout", "ROW_LAYOUT"),
        xml.enumerated("m_sliceDrawingType", "VOLUME_SLICE_DRAW_SINGLE"),
        xml.enumerated("m_sliceProjectionType", f"VOLUME_SLICE_PROJECTION_{projection}"),
        xml.real("m_sliceCoordinateAxial", z),
        xml.real("m_sliceCoordinateCoronal", y),
        xml.real("m_sliceCoordinateParasagittal", x),
        xml.boolean("m_sliceEnabledAxial", slices),
        xml.boolean("m_sliceEnabledCoronal", slices),
        xml.boolean("m_sliceEnabledParasagittal", slices),
    )


def _camera(name: str, zoom: float, rotation: str) -> Element:
    matrix = xml.array("m_rotationMatrix", "float", rotation.split())
    return xml.instance(name, "ViewingTransformations", 1, xml.real("m_scaling", zoom), matrix)


def _place(index: int, place: Rectangle) -> Element:
    return xml.instance(
        "m_manualLayoutTabGeometry",
        "TileTabsBrowserTabGeometrySceneHelper",
        1,
        xml.boolean("m_displayFlag", True),
        xml.integer("m_tabIndex", index),
        xml.real("m_minX", place.left),
        xml.real("m_maxX", place.right),
        xml.real("m_minY", place.bottom),
        xml.real("m_maxY", place.top),
        xml.integer("m_stackingOrder", 100 - index),
        xml.enumerated("m_backgroundType", "OPAQUE_BG"),
    )


def _content(scene: Scene) -> Element:
    """What the window shows, as wb_command reads it."""
    width, height = scene.size
    return xml.instance(
        "m_browserWindowContent",
        "BrowserWindowContent",
        2,
        xml.boolean("m_validFlag", True),
        xml.boolean("m_tileTabsEnabled", scene.tiled),
        xml.enumerated("m_tileTabsConfigurationMode", "MANUAL" if scene.tiled else "AUTOMATIC_GRID"),
        xml.integer("m_sceneGraphicsWidth", width),
        xml.integer("m_sceneGraphicsHeight", height),
        xml.integer("m_sceneSelectedTabIndex", 0),
        xml.array("m_sceneTabIndices", "integer", [str(i) for i in range(len(scene.views))]),
    )


def _window(scene: Scene) -> Element:
    """The window of wb_view, which is empty without this; wb_command never reads it."""
    width, height = scene.size
    bars = 450 if scene.layers_shown else 200  # pixels that wb_view's menu, toolbar and list of layers take
    return xml.instance(
        "m_brainBrowserWindows",
        "BrainBrowserWindow",
        2,
        xml.integer("m_browserWindowIndex", 0),
        xml.instance(
            "m_toolbar",
            "BrainBrowserWindowToolBar",
            1,
            xml.array("tabIndices", "integer", [str(i) for i in range(len(scene.views))]),
            xml.integer("selectedTabIndex", 0),
            xml.boolean("toolBarVisible", True),
        ),
        _tool_box("overlayToolBox", "OverlayToolBox", visible=scene.layers_shown),
        _tool_box("featureToolBox", "FeatureToolBox", visible=False),
        xml.instance(
            "geometry",
            "SceneWindowGeometry",
            1,
            xml.integer("geometryX", 20),
            xml.integer("geometryY", 20),
            xml.integer("geometryWidth", width),
            xml.integer("geometryHeight", height + bars),
            xml.boolean("visibility", True),
        ),
    )


def _tool_box(name: str, of: str, visible: bool) -> Element:
    orientation = xml.string("orientation", "horizontal")
    return xml.instance(name, of, 1, orientation, xml.boolean("floating", False), xml.boolean("visible", visible))


def _colours() -> Element:
    """White on black everywhere, whatever the user's preferences are."""
    shades = [("Foreground", ["255"] * 3), ("Background", ["0"] * 3)]
    members = [
        xml.array(f"m_color{ground}{part}", "unsignedByte", shade)
        for part in ("Window", "All", "Chart", "Surface", "Volume")
        for ground, shade in shades
    ]
    return xml.instance("backgroundAndForegroundColors", "BackgroundAndForegroundColorsSceneHelper", 2, *members)
