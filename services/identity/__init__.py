"""identity owns persons (INS, strict traits, contacts), the records opened for them, the directory of professionals and
structures, registered software and its tokens. It publishes identity.records.v1, identity.contacts.v1 and
identity.professionals.v1.

Its rooms, from low to high, each of which imports only lower ones: `kit`; `people`, `directory`; `clients`, `figures`;
`accounts`, `professionals`; `relations`, `oauth`, `demo`; `lifecycle`, `contact_changes`; `openings`; `campaigns`,
`imports`; `erasure`.
"""
