"""Crossing: what the members of both sides of a reshard are told, over SQL.

The procedures of ``flyball/member/sql/8_reshard.sql`` are the acts that carry a term; what MySQL takes in no
procedure, and rows, go by the movers' account.
"""
