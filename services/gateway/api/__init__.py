"""HTTP in: routes, wire models, guards."""
