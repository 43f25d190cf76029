-- An erased record takes its choices and their history with it.
grant delete on record_copies, consent_states to {app};

-- The history is only ever added to, but for that: the app role can delete from it nowhere else than here.
create function remove_history(bucket integer, record_id uuid, most integer) returns integer
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  removed integer;
begin
  delete from public.state_changes change
  using (select version from public.state_changes known
         where known.bucket = $1 and known.record_id = $2
           and exists (select from public.erased_records erased where erased.record_id = $2)
         order by version limit $3) as doomed
  where change.bucket = $1 and change.record_id = $2 and change.version = doomed.version;
  get diagnostics removed = row_count;
  return removed;
end
$$;
revoke all on function remove_history(integer, uuid, integer) from public;
grant execute on function remove_history(integer, uuid, integer) to {app};
