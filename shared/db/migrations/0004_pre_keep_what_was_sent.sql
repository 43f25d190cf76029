-- What the relay keeps: how far each partition was acknowledged, which transactional ids beside the first it has used,
-- and announcements that the broker refuses for ever.

create table outbox_offsets (
  topic text not null,
  partition integer not null,
  cluster_id text not null,
  next_offset bigint not null,
  constraint outbox_offsets_pkey primary key (topic, partition)
);

create table outbox_lanes (
  lane integer not null,
  constraint outbox_lanes_pkey primary key (lane)
);

create table refused_announcements (
  event_id uuid not null,
  topic text not null,
  key bytea not null,
  event_type text not null,
  subject text not null,
  traceparent text not null,
  occurred_at timestamptz not null,
  payload bytea,
  extra jsonb,
  error_code text not null,
  refused_at timestamptz not null default clock_timestamp(),
  constraint refused_announcements_pkey primary key (event_id)
);

grant select, insert, update, delete on outbox_offsets, outbox_lanes, refused_announcements to {app};
