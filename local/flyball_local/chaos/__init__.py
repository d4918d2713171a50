"""Chaos: a sharded keyspace of real servers under load, while everything that can fail does.

    faults     the kinds, and a seeded schedule of them; pure
    ground     what it happens on: members on hosts and small disks of their own, two topology services, writers
    strikes    how each kind is begun on the ground, and how it ends
    run        the schedule played, everybody's recovery awaited, every acknowledged write looked for

``make chaos MINUTES=10 SEED=7`` runs it. The schedule follows from the seed alone; who is meant by "the primary" is
seen when a fault strikes, and logged.
"""
