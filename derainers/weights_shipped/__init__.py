"""Weights trained by ``derainbench train``, each with the card that says how and how good they are."""
