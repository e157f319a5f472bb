"""Folders of outputs: whose they are, how they appear whole or not at all, and how the files in them are named."""
