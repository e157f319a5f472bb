"""The loop that all recipes share: batches, steps, averages, validation, selection; it knows no recipe by name."""
