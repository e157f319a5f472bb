"""One subject's export, from a folder of images to a finished Workbench session."""
