"""Weights of task models that come with DerainBench, each with its card."""
