"""Object detection: what a detector sees after the rain is removed."""
