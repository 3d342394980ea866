"""The same payments on this project's engine, on its peers, and at the limit of the checks."""
