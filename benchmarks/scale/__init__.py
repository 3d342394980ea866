"""What networks of other sizes would need, computed from what was measured of small ones."""
