-- A contact that was stated for somebody who can be reached otherwise, until it counts. `person` is the keyed hash of the
-- INS, `contact_hash` that of the contact, `code_hash` that of the code with which whoever is told objects.
create table contact_proposals (
  person text not null,
  contact_hash text not null,
  code_hash text not null,
  proposed_at timestamptz not null,
  counts_from timestamptz not null,
  objected_at timestamptz,
  expires_at timestamptz not null,
  constraint contact_proposals_pkey primary key (person, contact_hash)
);
create index contact_proposals_expires_at_idx on contact_proposals (expires_at);

grant select, insert, update, delete on contact_proposals to {app};
