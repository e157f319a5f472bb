"""Layouts of subject folders, a file for each."""
