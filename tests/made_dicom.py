"""Series of a scanner, written by pydicom alone: exact positions, and a marker in everything that could name a person.

A volume is written as its array is indexed: columns along i, rows along j, slices along k. `plane` indexes a volume as
scanners do, `oblique` turns it in the head, `tilted` shears it as a gantry does.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless, generate_uid
from pydicom.valuerep import format_number_as_ds

from wbtools.space.grid import Grid, Volume, reorient

MARKER = "ZZMARKERZZ"
BIRTH = "19010203"
"""A date can hold no marker; this one is nobody's."""

MR, ENHANCED_MR = UID("1.2.840.10008.5.1.4.1.1.4"), UID("1.2.840.10008.5.1.4.1.1.4.1")
CT, SECONDARY = UID("1.2.840.10008.5.1.4.1.1.2"), UID("1.2.840.10008.5.1.4.1.1.7")
_PLANES = {"axial": "LPS", "sagittal": "PIL", "coronal": "LIA"}
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])

_NAMES = ("PatientName", "ReferringPhysicianName", "OperatorsName", "PerformingPhysicianName", "PhysiciansOfRecord")
_TEXTS = (
    *("PatientID", "OtherPatientIDs", "PatientComments", "AdditionalPatientHistory", "Occupation", "AccessionNumber"),
    *("StudyID", "StudyDescription", "InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName"),
    *("StationName", "ProtocolName", "ImageComments", "DeviceSerialNumber", "RequestedProcedureDescription"),
    *("PerformedProcedureStepDescription", "ManufacturerModelName", "SequenceName", "SoftwareVersions"),
)


@dataclass(frozen=True)
class Header:
    """What a series says of itself; `others` are attributes by keyword that replace ours, or None to leave one out."""

    number: int = 4
    description: str = f"t1 mprage {MARKER}"
    image_type: tuple[str, ...] = ("ORIGINAL", "PRIMARY", "M", "ND")
    sequence: tuple[str, ...] = ("GR", "IR")
    times: tuple[float, float, float] = (2300.0, 2.98, 900.0)
    dimensions: str = "3D"
    study: str = "study"
    others: dict[str, object] = field(default_factory=dict)

    def uid(self, *what: object) -> str:
        """The same UID for the same series and thing, every time."""
        return str(generate_uid(entropy_srcs=[self.study, *map(str, what)]))

    def but(self, **others: object) -> "Header":
        """The same with other attributes."""
        return replace(self, others={**self.others, **others})


T1 = Header()
T2 = Header(5, f"t2 tse {MARKER}", sequence=("SE",), times=(6000.0, 100.0, 0.0), dimensions="2D")
LOCALIZER = Header(1, f"localizer {MARKER}", sequence=("GR",), times=(8.6, 4.0, 0.0), dimensions="2D")
DERIVED = Header(90, f"mpr {MARKER}", image_type=("DERIVED", "SECONDARY", "MPR"))


def plane(volume: Volume, name: str = "axial") -> Volume:
    """A volume indexed by columns, rows and slices of a plane."""
    return reorient(volume, _PLANES[name])


def oblique(volume: Volume, degrees: tuple[float, float, float] = (11.0, -7.0, 5.0)) -> Volume:
    """A volume turned about the axes of the world."""
    turn = np.eye(4)
    for axis, angle in enumerate(np.radians(degrees)):
        first, second = [other for other in range(3) if other != axis]
        about = np.eye(4)
        about[[first, second], [first, second]] = np.cos(angle)
        about[first, second], about[second, first] = -np.sin(angle), np.sin(angle)
        turn = about @ turn
    return Volume(volume.data, Grid(volume.grid.shape, turn @ volume.grid.affine))


def tilted(volume: Volume, degrees: float = 12.0) -> Volume:
    """A volume whose slices shift along their rows' direction, as those of a tilted gantry do."""
    affine = volume.grid.affine.copy()
    step = np.linalg.norm(affine[:3, 2])
    affine[:3, 2] += affine[:3, 1] / np.linalg.norm(affine[:3, 1]) * step * np.tan(np.radians(degrees))
    return Volume(volume.data, Grid(volume.grid.shape, affine))


def write_classic(
    folder: Path, volume: Volume, header: Header = T1, name: str = f"{MARKER}_{{:04d}}.dcm"
) -> list[Path]:
    """One file a slice, in order of the volume's k; whoever wants a slice missing removes its file."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for k in range(volume.grid.shape[2]):
        image = _image(volume, header, MR, ("image", header.number, k))
        image.InstanceNumber = k + 1
        image.ImagePositionPatient = _decimal(_position(volume, k))
        image.ImageOrientationPatient = _decimal(_directions(volume))
        image.PixelSpacing = _decimal(volume.grid.voxel_sizes[[1, 0]])
        image.SliceThickness = image.SpacingBetweenSlices = _decimal([_apart(volume)])[0]
        image.ScanningSequence, image.SequenceVariant, image.ScanOptions = list(header.sequence), "MP", ""
        image.MRAcquisitionType = header.dimensions
        image.RepetitionTime, image.EchoTime, image.InversionTime = map(str, header.times)
        image.FlipAngle, image.EchoTrainLength, image.EchoNumbers = "9", "1", "1"
        image.PixelData = _pixels(volume)[k].tobytes()
        paths.append(folder / name.format(k + 1))
        _save(image, paths[-1], header)
    return paths


def write_enhanced(path: Path, volume: Volume, header: Header = T1) -> Path:
    """One multi-frame file, whose frames are in order of the volume's k."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = _image(volume, header, ENHANCED_MR, ("image", header.number))
    repetition, echo, inversion = header.times
    frames = volume.grid.shape[2]
    image.InstanceNumber, image.NumberOfFrames = 1, frames
    image.ContentDate, image.ContentTime, image.AcquisitionDateTime = "20200102", "101112", "20200102101112"
    image.AcquisitionDuration, image.AcquisitionContrast, image.ContentQualification = 300.0, "T1", "RESEARCH"
    image.PixelPresentation, image.VolumetricProperties, image.VolumeBasedCalculationTechnique = (
        "MONOCHROME",
        "VOLUME",
        "NONE",
    )
    image.ComplexImageComponent, image.PresentationLUTShape, image.BurnedInAnnotation = "MAGNITUDE", "IDENTITY", "NO"
    image.LossyImageCompression, image.PulseSequenceName, image.MRAcquisitionType = "00", MARKER, header.dimensions
    image.EchoPulseSequence = "SPIN" if header.sequence == ("SE",) else "GRADIENT"
    image.EchoPlanarPulseSequence = "YES" if "EP" in header.sequence else "NO"
    image.MagneticFieldStrength, image.ResonantNucleus, image.ApplicableSafetyStandardAgency = 3.0, "1H", "IEC"
    organisation = header.uid("dimensions", header.number)
    image.DimensionOrganizationSequence = [_item(DimensionOrganizationUID=organisation)]
    image.DimensionIndexSequence = [
        _item(DimensionOrganizationUID=organisation, DimensionIndexPointer=pointer, FunctionalGroupPointer=0x00209111)
        for pointer in (0x00209056, 0x00209057)
    ]
    image.SharedFunctionalGroupsSequence = [
        _item(
            PixelMeasuresSequence=[
                _item(
                    PixelSpacing=_decimal(volume.grid.voxel_sizes[[1, 0]]),
                    SliceThickness=_decimal([_apart(volume)])[0],
                    SpacingBetweenSlices=_decimal([_apart(volume)])[0],
                )
            ],
            PlaneOrientationSequence=[_item(ImageOrientationPatient=_decimal(_directions(volume)))],
            MRTimingAndRelatedParametersSequence=[
                _item(RepetitionTime=str(repetition), FlipAngle="9", EchoTrainLength=1, RFEchoTrainLength=0)
            ],
            MREchoSequence=[_item(EffectiveEchoTime=echo)],
            MRModifierSequence=[
                _item(InversionRecovery="YES" if inversion else "NO", InversionTimes=inversion or None)
            ],
            MRImageFrameTypeSequence=[
                _item(
                    FrameType=list(header.image_type),
                    **{each: getattr(image, each) for each in ("PixelPresentation", "VolumetricProperties")},
                    VolumeBasedCalculationTechnique="NONE",
                    ComplexImageComponent="MAGNITUDE",
                    AcquisitionContrast="T1",
                )
            ],
        )
    ]
    image.PerFrameFunctionalGroupsSequence = [
        _item(
            FrameContentSequence=[
                _item(
                    StackID="1",
                    InStackPositionNumber=k + 1,
                    DimensionIndexValues=[1, k + 1],
                    TemporalPositionIndex=1,
                    FrameAcquisitionDateTime="20200102101112",
                    FrameReferenceDateTime="20200102101112",
                    FrameAcquisitionDuration=300.0,
                    FrameComments=MARKER,
                )
            ],
            PlanePositionSequence=[_item(ImagePositionPatient=_decimal(_position(volume, k)))],
            PixelValueTransformationSequence=[_item(RescaleIntercept="0", RescaleSlope="1", RescaleType="US")],
        )
        for k in range(frames)
    ]
    image.PixelData = _pixels(volume).tobytes()
    _save(image, path, header)
    return path


def compress(paths: list[Path], syntax: UID = RLELossless) -> None:
    """Compress files in place: RLE by pydicom, JPEG 2000 by Pillow; both without loss."""
    from pydicom import dcmread

    for path in paths:
        image = dcmread(path)
        if syntax == JPEG2000Lossless:
            frames = [_jpeg_2000(frame) for frame in image.pixel_array.reshape(-1, image.Rows, image.Columns)]
            image.PixelData = encapsulate(frames)
            image["PixelData"].VR, image["PixelData"].is_undefined_length = "OB", True
            image.file_meta.TransferSyntaxUID = syntax
        else:
            image.compress(syntax)
        image.save_as(path)


def write_directory(folder: Path) -> Path:
    """The file DICOMDIR of a medium, which lists the DICOM files below a folder."""
    from pydicom.fileset import FileSet

    medium = FileSet()
    for path in sorted(folder.rglob("*.dcm")):
        medium.add(path)
    medium.write(folder / "medium")
    return folder / "medium" / "DICOMDIR"


def _jpeg_2000(frame: np.ndarray) -> bytes:
    from io import BytesIO

    from PIL import Image

    packed = BytesIO()
    Image.fromarray(frame.astype(np.uint16)).save(packed, "JPEG2000", irreversible=False, no_jp2=True)
    return packed.getvalue()


def _image(volume: Volume, header: Header, kind: UID, what: tuple[object, ...]) -> Dataset:
    """What images of both kinds have: whose they are, and how pixels are stored."""
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID = kind, header.uid(*what)
    image.StudyInstanceUID, image.SeriesInstanceUID = header.uid("study"), header.uid("series", header.number)
    image.FrameOfReferenceUID, image.PositionReferenceIndicator = header.uid("frame"), ""
    for keyword in _NAMES:
        setattr(image, keyword, f"{MARKER}^{keyword}")
    for keyword in _TEXTS:
        setattr(image, keyword, MARKER)
    image.PatientBirthDate, image.PatientSex, image.PatientAge, image.PatientPosition = BIRTH, "O", "099Y", "HFS"
    image.StudyDate = image.SeriesDate = image.AcquisitionDate = "20200102"
    image.StudyTime = image.SeriesTime = image.AcquisitionTime = "101112"
    image.Manufacturer, image.Modality = MARKER, "MR"
    image.SeriesNumber, image.SeriesDescription, image.AcquisitionNumber = header.number, header.description, 1
    image.ImageType = list(header.image_type)
    image.Columns, image.Rows = volume.grid.shape[:2]
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
    private = image.private_block(0x0019, MARKER, create=True)
    private.add_new(0x01, "LO", MARKER)
    return image


def _save(image: Dataset, path: Path, header: Header) -> None:
    for keyword, value in header.others.items():
        if value is not None:
            setattr(image, keyword, value)
        elif keyword in image:
            delattr(image, keyword)
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID, image.file_meta.MediaStorageSOPInstanceUID = (
        image.SOPClassUID,
        image.SOPInstanceUID,
    )
    image.file_meta.SourceApplicationEntityTitle = MARKER
    image.save_as(path, enforce_file_format=True)


def _item(**attributes: object) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def _pixels(volume: Volume) -> np.ndarray:
    """Slices, rows, columns; whole numbers from 0."""
    return np.ascontiguousarray(np.clip(np.rint(volume.data), 0, 65535).astype("<u2").transpose(2, 1, 0))


def _position(volume: Volume, k: int) -> np.ndarray:
    """Where the centre of a slice's first voxel is, LPS."""
    return _RAS_TO_LPS @ volume.grid.to_world(np.array([0.0, 0.0, k]))


def _directions(volume: Volume) -> np.ndarray:
    """Directions along a row and down a column, LPS."""
    steps = _RAS_TO_LPS @ (volume.grid.affine[:3, :3] / volume.grid.voxel_sizes)
    return np.concatenate([steps[:, 0], steps[:, 1]])


def _apart(volume: Volume) -> float:
    """Distance between slices, at right angles to them."""
    across, down, step = volume.grid.affine[:3, :3].T
    normal = np.cross(across, down)
    return float(abs(step @ normal) / np.linalg.norm(normal))


def _decimal(values: np.ndarray | list[float]) -> list[str]:
    return [format_number_as_ds(float(value)) for value in values]
