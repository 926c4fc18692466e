"""License keys, license files and activations."""
