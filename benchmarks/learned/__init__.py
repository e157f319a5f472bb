"""What the benchmark of learning is made of: data sets whose answers are known, trainings, and tables."""
