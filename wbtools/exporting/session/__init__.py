"""What an export writes: data files, scenes and pictures of them, specs."""
