"""Real servers, real databases and real HTTP for the tests."""
