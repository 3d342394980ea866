"""What the project wants to reach, and what a file of figures says of it."""
