"""What a network carries, how fast, and at what cost. README.md says what each measure is."""
