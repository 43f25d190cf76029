-- When the latest mail about one kind of news of a record left or is to leave: what comes within a window after it waits
-- for the window's end and leaves in one mail. A row is of no use once its window is over.
create table alert_windows (
  record_id uuid not null,
  kind text not null,
  due_at timestamptz not null,
  constraint alert_windows_pkey primary key (record_id, kind),
  constraint alert_windows_kind_check check (kind in ('document', 'consultation'))
);
create index alert_windows_due_at_idx on alert_windows (due_at);
grant select, insert, update, delete on alert_windows to {app};

-- The alert whose id the mail carried in which this one was told of, where that is another.
alter table alerts add column sent_with uuid;

-- Finds what waits about one kind of news of a record; the index of what is due, which excludes emergencies, does not fit
-- a search by kind, so that no plan reads all that is due instead. Alerts are written by consumers, which wait: they may
-- stand still while the index is made, which holds only what is queued.
-- squawk-ignore require-concurrent-index-creation
create index alerts_gathered_idx on alerts (bucket, record_id, kind) where status = 'queued';
