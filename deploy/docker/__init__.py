"""The container image and what stands around it. Each program here runs by its path, with the standard library alone,
except `make_secrets`, which needs `cryptography`, and `runtime_lock`, which needs `packaging`."""
