"""Trainings of task models by name."""
