"""Results as DICOM objects of the study that a scan came from: parametric maps, segmentations, pictures."""
