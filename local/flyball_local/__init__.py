"""The local engine: turns records into mysqld processes on one machine, without Kubernetes."""
