"""Rain, labelled photographs, and the datasets built from both."""
