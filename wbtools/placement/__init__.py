"""A template's anatomy in the head of somebody who has a T1w image alone: brain extraction, registration, tissue."""
