"""HTML: the hosted payment page and the sandbox's own front page. No scripts, nothing from elsewhere."""
