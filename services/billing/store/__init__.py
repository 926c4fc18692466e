"""This schema's tables and their SQL."""
