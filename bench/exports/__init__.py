"""Export finished runs to experiment trackers and to viewers of predictions.

Every adapter reads a run folder and writes nothing into it.
"""
