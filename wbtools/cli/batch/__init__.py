"""The commands of `wbtools batch`."""
