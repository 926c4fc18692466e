"""Making a model from a history of payments; needs the extra `training`, and neither database nor settings."""
