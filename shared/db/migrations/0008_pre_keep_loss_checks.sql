-- In which incarnation of this database its own topics were compared with it last. A restore or a failover leaves a row
-- of another server start, of another database, or one that another transaction wrote than it says: until the relay has
-- looked again, nobody knows whether commits were lost. No row: no relay has looked yet, so nothing can be missing.
create table loss_checks (
  id boolean not null default true,
  incarnation text not null,
  transaction_id xid8 not null,
  constraint loss_checks_pkey primary key (id),
  constraint loss_checks_id_check check (id)
);
grant select, insert, update on loss_checks to {app};
