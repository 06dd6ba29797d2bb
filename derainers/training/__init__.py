"""Training of derainers: losses, crops, the loop and its checkpoints. What rains on the photographs is handed in."""
