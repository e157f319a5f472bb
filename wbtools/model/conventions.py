"""How a T1w image may be brought to a network's grid; cards name one."""

CONVENTION = "edge-aligned, area-averaged over the T1w field of view"
STANDARD_SPACE = "edge-aligned, area-averaged over the field of view of MNI152 (affine), bias field removed (N4)"
CONVENTIONS = (CONVENTION, STANDARD_SPACE)
