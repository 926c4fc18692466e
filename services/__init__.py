"""The services. Each is independent of the others; they meet over HTTP and in `shared.contracts`."""
