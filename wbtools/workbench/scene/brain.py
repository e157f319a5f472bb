"""The part of a scene that Workbench calls the brain: loaded files, palettes, layers of every view, texts.

Which objects are written follows from removing them one at a time: without some the program crashes, without others it
draws another picture and says nothing. What may be left out is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from xml.etree import ElementTree as ET

from wbtools.anatomy import Hemisphere
from wbtools.workbench import xml
from wbtools.workbench.datafile import CIFTI, DataFile, DataType
from wbtools.workbench.scene.elements import ColourBar, LabelStyle, Layer, Text
from wbtools.workbench.scene.scene import MontageView, Scene, View, VolumeView
from wbtools.workbench.xml import Element

Files = Mapping[Path, DataFile]


class ModelType(Enum):
    """The kinds of view that Workbench knows, of those used here."""

    VOLUME = "MODEL_TYPE_VOLUME_SLICES"
    MONTAGE = "MODEL_TYPE_SURFACE_MONTAGE"
    WHOLE_BRAIN = "MODEL_TYPE_WHOLE_BRAIN"


def model(view: View, files: Files) -> ModelType:
    """The kind of a view. An empty one takes a kind that exists: whole brain needs a surface, slices a volume."""
    if isinstance(view, VolumeView):
        return ModelType.VOLUME
    if isinstance(view, MontageView):
        return ModelType.MONTAGE
    has_surface = any(file.type is DataType.SURFACE for file in files.values())
    return ModelType.WHOLE_BRAIN if has_surface else ModelType.VOLUME


def brain(scene: Scene, files: Files, folder: Path) -> Element:
    """The `Brain` object of a scene that lies in `folder`."""
    return xml.instance(
        "m_brains",
        "Brain",
        1,
        _file_states(scene, files, folder),
        xml.instance("specFile", "SpecFile", 1, _file_list(files, folder)),
        _annotations(scene),
        xml.array("models", "class", _models(scene, files, folder)),
        xml.array("m_brainStructures", "class", []),  # may be empty, may not be absent
    )


def _file_list(files: Files, folder: Path) -> Element:
    entries = [
        xml.instance(
            "specFileDataFile",
            "SpecFileDataFile",
            1,
            xml.enumerated("dataFileType", file.type.value),
            xml.enumerated("structure", _structure(file)),
            xml.path_name("fileName", file.path, folder),
            xml.boolean("selected", True),
        )
        for file in files.values()
    ]
    return xml.array("dataFilesArray", "class", entries)


def _structure(file: DataFile) -> str:
    if file.structure:
        return file.structure.value
    return "ALL" if file.type in CIFTI else "INVALID"


def _file_states(scene: Scene, files: Files, folder: Path) -> Element | None:
    """Palettes, label styles and chosen rows, which leave the data files themselves as they are."""
    states = []
    for file in files.values():
        layers = [layer for layer in scene.layers if layer.path == file.path]
        palettes = _palettes(layers, file)
        style = next((_label_style(layer.label_style) for layer in layers if layer.label_style), None)
        row = next((_chosen_row(layer.row) for layer in layers if layer.row is not None), None)
        if any(state is not None for state in (palettes, style, row)):
            place = xml.path_name("dataFileName_V2", file.path, folder)
            # Found again by this bare file name and the path together.
            states.append(xml.instance(file.path.name, "CaretDataFile", 1, place, palettes, style, row))
    return xml.array("allCaretDataFiles_V2", "class", states) if states else None


def _palettes(layers: list[Layer], file: DataFile) -> Element | None:
    chosen = {layer.map_index: layer.palette for layer in layers if layer.palette}
    if not chosen:
        return None
    saved = [
        xml.instance(
            "savedPaletteColorMapping",
            "SavedPaletteColorMapping",
            1,
            xml.string("mapName", ""),
            xml.integer("mapIndex", index),
            xml.integer("mapCount", file.maps),  # the index is trusted only if this count is right
            xml.string("mapColorMapping", palette.xml()),
        )
        for index, palette in sorted(chosen.items())
    ]
    return xml.array("savedPaletteColorMappingArray", "class", saved)


def _chosen_row(row: int) -> Element:
    """Which row of a matrix file is loaded; without, all of its map is zero until somebody clicks."""
    return xml.instance(
        "m_connectivityDataLoaded",
        "ConnectivityDataLoaded",
        1,
        xml.string("m_mode", "MODE_ROW"),
        xml.integer("m_rowIndex", row),
        xml.integer("m_columnIndex", -1),
    )


def _label_style(style: LabelStyle) -> Element:
    return xml.instance(
        "m_labelDrawingProperties",
        "LabelDrawingProperties",
        1,
        xml.enumerated("m_drawingType", style.drawing.value),
        xml.enumerated("m_outlineColor", style.outline.value),
        xml.boolean("m_drawMedialWallFilled", False),
    )


def _models(scene: Scene, files: Files, folder: Path) -> list[Element]:
    """One model for each kind of view; it holds the layers of all tabs of this kind."""
    kinds: dict[ModelType, dict[int, View]] = {}
    for index, view in enumerate(scene.views):
        kinds.setdefault(model(view, files), {})[index] = view
    return [_model(kind, views, files, folder) for kind, views in kinds.items()]


def _model(kind: ModelType, views: dict[int, View], files: Files, folder: Path) -> Element:
    sets = [
        xml.instance(
            f"modelOverlay[{index}]",
            "OverlaySet",
            1,
            xml.integer("tabIndex", index),
            _layers("overlaySet", view, folder),
        )
        for index, view in views.items()
    ]
    members = [xml.enumerated("m_modelType", kind.value), xml.array("m_overlaySet", "class", sets)]
    if kind is ModelType.MONTAGE:
        montages = {i: _montage(i, v, files, folder) for i, v in views.items() if isinstance(v, MontageView)}
        # All three are needed though two are empty: without the cerebellar one the cerebral one is not read, and
        # without the flat one the program crashes.
        members += [
            xml.integer("montageVersion", 3),
            xml.mapping("m_cerebellarConfiguration", "class", {}),
            xml.mapping("m_cerebralConfiguration", "class", montages),
            xml.mapping("m_flatMapsConfiguration", "class", {}),
        ]
    return xml.instance("models", "Model", 1, *members)


def _montage(index: int, view: MontageView, files: Files, folder: Path) -> Element:
    sides = {side: next((p for p in view.surfaces if files[p].structure is side.cortex), None) for side in Hemisphere}
    selections = [
        xml.instance(
            f"m_{side.name.lower()}FirstSurfaceSelectionModel",
            "SurfaceSelectionModel",
            1,
            xml.path_name("m_selectedSurfacePathName", path, folder),
        )
        for side, path in sides.items()
        if path
    ]
    return xml.instance(
        f"m_cerebralConfiguration[{index}]",
        "SurfaceMontageConfigurationAbstract",
        1,
        xml.enumerated("m_layoutOrientation", "ROW_LAYOUT_ORIENTATION"),
        _layers("m_overlaySet", view, folder),
        *selections,
        *(xml.boolean(f"m_{side.name.lower()}Enabled", path is not None) for side, path in sides.items()),
        xml.boolean("m_firstSurfaceEnabled", True),
        xml.boolean("m_secondSurfaceEnabled", False),
        xml.boolean("m_lateralEnabled", True),
        xml.boolean("m_medialEnabled", True),
    )


def _layers(name: str, view: View, folder: Path) -> Element:
    overlays = [_layer(layer, folder) for layer in view.layers]
    overlays = overlays or [xml.instance("m_overlays", "Overlay", 1, xml.boolean("m_enabled", False))]
    return xml.instance(
        name,
        "OverlaySet",
        1,
        xml.integer("m_numberOfDisplayedOverlays", len(overlays)),
        xml.array("m_overlays", "class", overlays),
    )


def _layer(layer: Layer, folder: Path) -> Element:
    return xml.instance(
        "m_overlays",
        "Overlay",
        1,
        xml.real("m_opacity", layer.opacity),
        xml.boolean("m_enabled", True),
        _colour_bar(layer.colour_bar) if layer.colour_bar else None,
        xml.path_name("selectedMapFileNameWithPath", layer.path, folder),
        xml.string("selectedMapFile", layer.path.name),
        xml.integer("selectedMapIndex", layer.map_index),
    )


def _colour_bar(bar: ColourBar) -> Element:
    place = bar.place
    centre = [xml.number(value) for value in (*place.centre, 0)]
    return xml.instance(
        "m_colorBar",
        "Annotation",
        1,
        xml.enumerated("m_coordinateSpace", "TAB"),
        xml.enumerated("m_colorBackground", "NONE"),
        xml.enumerated("m_colorText", "WHITE"),
        xml.instance("m_coordinate", "AnnotationCoordinate", 1, xml.array("m_xyz", "float", centre)),
        xml.real("m_width", place.right - place.left),
        xml.real("m_height", place.top - place.bottom),
        xml.real("m_fontPercentViewportHeight", bar.letters),
        xml.enumerated("m_positionMode", "MANUAL"),
        xml.boolean("m_displayedFlag", True),
    )


def _annotations(scene: Scene) -> Element | None:
    """Texts, in the space of their tabs: those of a window are lost in rendering."""
    root = ET.Element("AnnotationFile", version="2")
    key = 0
    for index, view in enumerate(scene.views):
        if not view.texts:
            continue
        group = xml.child(
            root,
            "group",
            coordinateSpace="TAB",
            groupType="SPACE",
            tabOrWindowIndex=str(index),
            uniqueKey=str(1000 + index),
        )
        for text in view.texts:
            key += 1
            _text(group, text, index, key)
    if not key:
        return None
    content = xml.string("AnnotationFileContent", xml.as_text(root))
    return xml.instance("m_sceneAnnotationFile", "CaretDataFile", 1, content)


def _text(group: Element, text: Text, tab: int, key: int) -> None:
    """One text; its reader wants every one of these attributes."""
    box = xml.child(
        group,
        "percentSizeText",
        coordinateSpace="TAB",
        backgroundCaretColor="NONE",
        backgroundCustomRGBA="0 0 0 0",
        foregroundCaretColor="NONE",
        foregroundCustomRGBA="0 0 0 0",
        foregroundLineWidth="1",
        foregroundLineWidthPercentage="0.1",
        tabIndex=str(tab),
        windowIndex="-1",
        uniqueKey=str(key),
        width="30",
        height="5",
        rotationAngle="0",
    )
    xml.child(
        box,
        "coordOne",
        x=xml.number(text.x),
        y=xml.number(text.y),
        z="0",
        structure="INVALID",
        numberOfNodes="-1",
        nodeIndex="-1",
        nodeOffset="1",
        nodeOffsetVectorType="CENTROID_THRU_VERTEX",
    )
    xml.child(
        box,
        "textData",
        text.text,
        textCaretColor="WHITE",
        textCustomRGBA="1 1 1 1",
        fontBold="false",
        fontItalic="false",
        fontName="VERA",
        fontPointSize="SIZE14",
        fontUnderline="false",
        horizontalAlignment=text.align.value,
        orientation="HORIZONTAL",
        verticalAlignment="MIDDLE",
        fontPercentViewportSize=xml.number(text.height),
        connectBrainordinate="ANNOTATION_TEXT_CONNECT_NONE",
    )
