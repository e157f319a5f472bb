"""How a T1w image may be brought to a network's grid, and in which planes it may be sliced; cards name one of each."""

CONVENTION = "edge-aligned, area-averaged over the T1w field of view"
STANDARD_SPACE = "edge-aligned, area-averaged over the field of view of MNI152 (affine), bias field removed (N4)"
CONVENTIONS = (CONVENTION, STANDARD_SPACE)
PLANES = {"axial": 2, "coronal": 1, "sagittal": 0}
"""And the direction that slices follow each other in: 0 right and left, 1 back and front, 2 foot and head."""
