"""Finished runs for the tools that people already use: experiment trackers and viewers of predictions.

Every adapter reads a run folder and writes nothing into it.
"""
