"""Workbench scenes: what they show, and the scene files that show it."""
