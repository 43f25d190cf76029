-- Motives of emergencies that were sealed under a key that audit did not hold when the entry was written. The ledger is
-- never altered: they wait here, as they came, and stay here once they have been opened, under the record's own key.
create table late_motives (
  record_id uuid not null,
  event_id uuid not null,
  kid text not null,
  sealed text,
  kept text,
  constraint late_motives_pkey primary key (record_id, event_id),
  constraint late_motives_sealed_check check ((sealed is null) <> (kept is null))
);
create index late_motives_kid_idx on late_motives (kid) where sealed is not null;
grant select, insert, update, delete on late_motives to {app};
