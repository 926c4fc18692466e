"""What services say to each other, as values both sides import."""
