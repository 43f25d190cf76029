-- The labels of a document are ordered by the version that records gives them, no longer by the clocks of its processes;
-- where a message has none (0), by its place on the topic. A row from before has neither: its "offset" is below zero and
-- its time counts once more, against messages of the release that had no versions.
alter table document_visibilities add column version integer not null default 0,
  add column "offset" bigint not null default '-1';
