-- Who writes about records asks first which of them are erased, and holds them for the rest of its transaction: an
-- erasure begins after those who asked before, and who asks later sees it. Locks go by 64 stripes of the record's id.

create function erasure_stripes(record_ids uuid[]) returns setof integer language sql immutable as $$
  select distinct get_byte(uuid_send(id), 15) % 64 as stripe from unnest(record_ids) as given(id) order by stripe
$$;

-- Two statements, so that the second one sees what was committed while the first one waited.
create function erased_among(record_ids uuid[]) returns setof uuid language plpgsql volatile as $$
begin
  perform pg_advisory_xact_lock_shared(1146097666, stripe) from erasure_stripes(record_ids) as stripe;
  return query select record_id from erased_records where record_id = any(record_ids);
end
$$;
