"""The service consent owns the choices about a record: who may read it and who may deposit in it.

It publishes the whole state of a record's choices (`consent.states.v1`) and decides deposits (`consent.decisions.v1`).
"""
