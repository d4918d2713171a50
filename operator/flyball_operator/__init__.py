"""The Kubernetes operator: keyspaces become shards, pods, volumes, services and secrets."""
