-- How a record opened, codes that activate an account, openings alone online, campaigns, named people, figures.

alter table records add column channel text;
alter table records add constraint records_channel_check check (channel in (
  'online', 'pharmacist', 'doctor', 'nurse', 'other-professional', 'hospital', 'cpam-agent', 'care-home', 'automatic',
  'representative')) not valid;

-- Who is named for a record: the whole state as it was last announced, without names.
create table people_states (
  bucket integer not null,
  record_id uuid not null,
  version integer not null,
  people jsonb not null,
  constraint people_states_pkey primary key (bucket, record_id),
  constraint people_states_version_check check (version >= 1)
);

-- Activation codes are derived from the key of their wave, which is sealed: a wave can be printed again.
create table activation_waves (
  id uuid not null,
  purpose text not null,
  key_id text not null,
  sealed_key bytea not null,
  size bigint not null default 0,
  created_at timestamptz not null,
  constraint activation_waves_pkey primary key (id),
  constraint activation_waves_purpose_key unique (purpose)
);

-- One row for each attempt to reach a person; `code_hash` is keyed. `person` is the fingerprint the code is made from.
create table activation_codes (
  bucket integer not null,
  record_id uuid not null,
  attempt integer not null,
  wave_id uuid not null,
  person text not null,
  code_hash text not null,
  issued_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  revoked_at timestamptz,
  constraint activation_codes_pkey primary key (bucket, record_id, attempt),
  constraint activation_codes_attempt_check check (attempt >= 1)
) partition by hash (bucket);
create index activation_codes_wave_id_idx on activation_codes (wave_id, bucket, record_id);

do $$
begin
  for part in 0..3 loop
    execute format('create table activation_codes_%s partition of activation_codes '
                   'for values with (modulus 4, remainder %s)', part, part);
  end loop;
end
$$;

-- An opening that somebody has begun alone. Everything readable is sealed; the same row whoever asks, so that nothing
-- about the row tells whether the person exists.
create table online_openings (
  id uuid not null,
  status text not null default 'asked',
  key_id text not null,
  sealed bytea not null,
  code_hash text,
  ticket_hash text,
  tries integer not null default 0,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  constraint online_openings_pkey primary key (id),
  constraint online_openings_status_check check (status in ('asked', 'sent', 'withheld', 'proved', 'used')),
  constraint online_openings_tries_check check (tries >= 0)
);
create index online_openings_created_at_idx on online_openings (created_at) where status = 'asked';
create index online_openings_expires_at_idx on online_openings (expires_at);

-- What was asked lately, by keyed hash of whose: sliding windows.
create table recent_requests (
  id bigint generated always as identity not null,
  whose text not null,
  at timestamptz not null,
  expires_at timestamptz not null,
  constraint recent_requests_pkey primary key (id)
);
create index recent_requests_whose_at_idx on recent_requests (whose, at);
create index recent_requests_expires_at_idx on recent_requests (expires_at);

-- A campaign and how far it has come: `after` is the last row of the register (or of the notices) that was dealt with;
-- it and the counts are written in the transaction of each page.
create table campaigns (
  id uuid not null,
  status text not null,
  is_paused boolean not null default false,
  regions text[] not null,
  regimes text[] not null,
  born_from integer,
  born_to integer,
  window_days integer not null,
  rate integer not null,
  wave_id uuid not null,
  created_by text not null,
  created_at timestamptz not null,
  noticed_at timestamptz,
  opens_at timestamptz,
  ended_at timestamptz,
  next_page_at timestamptz not null,
  after uuid,
  counts jsonb not null default '{}',
  constraint campaigns_pkey primary key (id),
  constraint campaigns_wave_id_fkey foreign key (wave_id) references activation_waves (id),
  constraint campaigns_status_check check (status in ('noticing', 'waiting', 'opening', 'done')),
  constraint campaigns_rate_check check (rate >= 1),
  constraint campaigns_window_days_check check (window_days >= 0)
);

-- Who was told that a record will be opened, so that nobody is told twice. `insured_id` is made from a keyed hash.
create table opening_notices (
  bucket integer not null,
  insured_id uuid not null,
  campaign_id uuid not null,
  noticed_at timestamptz not null,
  constraint opening_notices_pkey primary key (bucket, insured_id)
) partition by hash (bucket);
create index opening_notices_campaign_id_bucket_insured_id_idx
  on opening_notices (campaign_id, bucket, insured_id);

do $$
begin
  for part in 0..3 loop
    execute format('create table opening_notices_%s partition of opening_notices '
                   'for values with (modulus 4, remainder %s)', part, part);
  end loop;
end
$$;

-- What happened to records, counted without saying to whom. A published week is folded to one row for each kind.
create table life_events (
  id bigint generated always as identity not null,
  week date not null,
  kind text not null,
  region text not null,
  channel text not null,
  number bigint not null,
  constraint life_events_pkey primary key (id)
);
create index life_events_week_idx on life_events (week);

-- Figures as they were published, once for each week; never computed again.
create table published_figures (
  week date not null,
  kind text not null,
  region text not null,
  channel text not null,
  figure text not null,
  constraint published_figures_pkey primary key (week, kind, region, channel)
);

grant select, insert, update, delete on people_states, activation_codes, online_openings to {app};
grant select, insert, update on activation_waves, campaigns to {app};
grant select, insert, delete on recent_requests, opening_notices, life_events to {app};
grant select, insert on published_figures to {app};
