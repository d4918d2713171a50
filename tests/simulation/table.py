"""The table of transitions: everything that the model of a member claims, line by line."""

from tests.simulation.table_cloning import CLONING
from tests.simulation.table_replication import REPLICATION
from tests.simulation.table_terms import TERMS
from tests.simulation.table_writing import WRITING

TRANSITIONS = (*TERMS, *WRITING, *REPLICATION, *CLONING)
"""The first begins with members that are empty, and so comes first."""
