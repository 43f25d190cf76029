"""The service identity owns persons, the records opened for them, the directory, and registered software.

A person has an INS, strict traits and contacts; the directory lists professionals and structures. The service issues
access tokens, and publishes identity.records.v1, identity.contacts.v1 and identity.professionals.v1.

Its rooms, from low to high, each of which imports only lower ones: `kit`; `people`, `directory`; `clients`, `figures`;
`accounts`, `professionals`; `relations`, `oauth`, `demo`; `lifecycle`, `contact_changes`; `openings`; `campaigns`,
`imports`; `erasure`.
"""
