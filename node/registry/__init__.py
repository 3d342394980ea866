"""What a territory keeps to itself: people, hours, wages, consents, and who read or changed them.

`node.registry.register` opens it; one class for each noun stands in a module of its own.
"""

from node.registry.register import REGISTRY_FILE, Registry

__all__ = ["REGISTRY_FILE", "Registry"]
