"""wbtools: what a trained network looked at in one person's brain, ready to open in Connectome Workbench."""

__version__ = "0.1.0"
