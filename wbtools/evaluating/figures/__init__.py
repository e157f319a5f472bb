"""Drawings of an evaluation."""
