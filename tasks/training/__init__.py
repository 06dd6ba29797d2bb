"""Train task models: pure PyTorch over labelled photographs, which the caller provides."""
