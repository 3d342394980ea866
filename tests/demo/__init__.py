"""The demonstration: its plan, its processes."""
