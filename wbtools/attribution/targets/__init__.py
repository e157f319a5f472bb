"""The kinds of target, a module for those that are read off the same thing; the registry is `attribution.target`."""
