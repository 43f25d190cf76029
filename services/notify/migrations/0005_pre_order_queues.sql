-- Emergencies and what somebody awaits at a screen are queues of their own. Alerts and messages are written by consumers,
-- which wait: they may stand still while an index is made.
alter table messages add column awaited boolean not null default false;
-- squawk-ignore require-concurrent-index-creation
create index messages_awaited_idx on messages (channel, due_at) where status = 'queued' and awaited;
-- squawk-ignore require-concurrent-index-creation
create index alerts_emergencies_idx on alerts (channel, due_at) where status = 'queued' and kind = 'emergency';
-- squawk-ignore require-concurrent-index-creation
create index alerts_channel_due_at_idx on alerts (channel, due_at) where status = 'queued' and kind <> 'emergency';

-- Why the document of a queued alert is no news any more: it was withdrawn, or another one took its place.
alter table alerts add column document_end text;

-- The labels of a document are ordered by the version that records gives them, no longer by the clocks of its processes;
-- where a message has none (0), by its place on the topic. A row from before has neither: its "offset" is below zero and
-- its time counts once more, against messages of the release that had no versions.
alter table restricted_documents add column version integer not null default 0,
  add column "offset" bigint not null default '-1';
