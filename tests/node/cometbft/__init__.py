"""The engine that runs beside us: its wire, its signer, its process."""
