-- Where each consumer group goes on in each partition, written in the transaction of the effect. `cluster_id` names the
-- Kafka cluster in which the offset counts.
create table consumer_offsets (
  group_name text not null,
  topic text not null,
  partition integer not null,
  next bigint not null,
  cluster_id text not null,
  constraint consumer_offsets_pkey primary key (group_name, topic, partition),
  constraint consumer_offsets_next_check check (next >= 0)
) with (fillfactor = 50);

-- Whether groups that have no offset here take the broker's once. Only a database that was at work until a moment ago
-- may: one that comes from an older backup has not seen what the broker's offset says that it has.
create table offset_sources (
  id boolean not null default true,
  from_broker boolean not null,
  constraint offset_sources_pkey primary key (id),
  constraint offset_sources_id_check check (id)
);
insert into offset_sources (from_broker)
select exists (select 1 from copy_watermarks where at > clock_timestamp() - interval '1 hour');

-- From which offset on a newer state mends the copy of a key. Null where nobody knows: any newer state does.
alter table broken_copies add column "offset" bigint;

-- A dead letter is the same one only if the event is: after a cluster was built anew, its offsets begin anew.
alter table parked_messages add column event_id text not null default '';
-- squawk-ignore require-concurrent-index-creation -- few messages are parked
create unique index parked_messages_event_key on parked_messages (group_name, topic, partition, "offset", event_id);
-- squawk-ignore require-concurrent-index-creation
create index parked_messages_group_name_topic_key_idx on parked_messages (group_name, topic, key, "offset");
-- squawk-ignore ban-drop-constraint -- more reasons are allowed than before
alter table parked_messages drop constraint parked_messages_reason_check;
alter table parked_messages add constraint parked_messages_reason_check
  check (reason in ('dead', 'behind-dead', 'copy-behind', 'awaiting-key', 'expired')) not valid;

-- The first statement of a consumer's transaction: moves the offsets on if they stand where the batch was read from, and
-- tells which of its records are erased and which of its keys have parked messages. Records that are asked about are
-- held against an erasure until the transaction ends (erased_among).
create function begin_batch(
  for_group text, topics text[], partitions integer[], positions bigint[], nexts bigint[],
  record_ids uuid[], key_topics text[], keys bytea[],
  out has_moved boolean, out erased uuid[], out parked_topics text[], out parked_keys bytea[]
) language plpgsql volatile as $$
declare
  updated integer;
begin
  has_moved := false;
  if cardinality(topics) > 0 then
    update consumer_offsets as stored set next = given.next
    from unnest(topics, partitions, positions, nexts) as given(topic, partition, position, next)
    where stored.group_name = for_group and stored.topic = given.topic and stored.partition = given.partition
      and stored.next = given.position;
    get diagnostics updated = row_count;
    has_moved := updated <> cardinality(topics);
  end if;
  if not has_moved and cardinality(record_ids) > 0 then
    select array_agg(record_id) into erased from erased_among(record_ids) as erased_record(record_id);
  end if;
  if not has_moved and cardinality(keys) > 0 then
    select array_agg(given.topic), array_agg(given.key) into parked_topics, parked_keys
    from unnest(key_topics, keys) as given(topic, key)
    where exists (select from parked_messages as parked
                  where parked.group_name = for_group and parked.topic = given.topic and parked.key = given.key
                    and parked.reason <> 'expired');
  end if;
end
$$;
grant select, insert, update on consumer_offsets to {app};
grant select on offset_sources to {app};
