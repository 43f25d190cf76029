-- Codes, notices and letters that others asked to be sent. One row per request, which is also the queue: a queued one
-- is due at due_at, which a sender moves forward for as long as it holds it. Whom and what stands in "sealed" alone, as
-- it came, and is deleted when the message is handled.
create table messages (
  bucket integer not null,
  request_id uuid not null,
  record_id uuid,
  channel text not null,
  kind text not null,
  sealed text,
  requested_at timestamptz not null,
  expires_at timestamptz,
  traceparent text not null,
  status text not null,
  reason text,
  attempts integer not null default 0,
  created_at timestamptz not null,
  due_at timestamptz,
  handled_at timestamptz,
  constraint messages_pkey primary key (bucket, request_id),
  constraint messages_channel_check check (channel in ('mail', 'sms', 'letter')),
  constraint messages_status_check check (status in ('queued', 'sent', 'failed', 'expired')),
  constraint messages_sealed_check check ((status = 'queued') = (sealed is not null)),
  constraint messages_due_at_check check ((status = 'queued') = (due_at is not null)),
  constraint messages_handled_at_check check ((status = 'queued') = (handled_at is null))
) partition by hash (bucket);
create table messages_0 partition of messages for values with (modulus 4, remainder 0);
create table messages_1 partition of messages for values with (modulus 4, remainder 1);
create table messages_2 partition of messages for values with (modulus 4, remainder 2);
create table messages_3 partition of messages for values with (modulus 4, remainder 3);
create index messages_channel_due_at_idx on messages (channel, due_at) where status = 'queued';
create index messages_record_id_idx on messages (bucket, record_id) where record_id is not null;
create index messages_handled_at_idx on messages using brin (handled_at);

grant select, insert, update, delete on messages to {app};
