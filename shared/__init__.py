"""What two services or more use today. It knows no service."""
