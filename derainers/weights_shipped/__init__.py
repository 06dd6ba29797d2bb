"""Weights trained by ``derainbench train``, each with a card of their training and their quality."""
