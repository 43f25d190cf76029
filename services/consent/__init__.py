"""Consent owns who may read a record and who may deposit in it.

It publishes the whole state of a record's choices (`consent.states.v1`) and decides deposits (`consent.decisions.v1`).
"""
