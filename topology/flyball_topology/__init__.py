"""The topology service: knows each shard's primary, and changes it without losing an acknowledged write."""
