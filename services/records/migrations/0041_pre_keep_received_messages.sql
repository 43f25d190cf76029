-- Accepted HL7 v2 messages: digests and acknowledgements alone, so that a repeated message gets the same answer.
create table received_messages (
  client_id text not null,
  control_digest bytea not null,
  digest bytea not null,
  acknowledgement bytea not null,
  received_at timestamptz not null default clock_timestamp(),
  constraint received_messages_pkey primary key (client_id, control_digest, digest)
);
create index received_messages_received_at_idx on received_messages (received_at);

grant select, insert, delete on received_messages to {app};
