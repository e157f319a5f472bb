"""DICOM files of a scanner: found, understood, converted; and results written as DICOM objects."""
