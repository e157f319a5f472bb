"""Recipes that train networks; today the one that makes the built-in demonstration network."""
