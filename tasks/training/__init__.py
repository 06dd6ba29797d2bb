"""Training task models: pure PyTorch over labelled photographs; where those come from is the caller's concern."""
