-- A database that lost an erasure reads the acknowledgements of the others before `recover` has repeated the erasure.
-- squawk-ignore ban-drop-constraint
alter table erasure_acknowledgements drop constraint erasure_acknowledgements_erasure_id_fkey;
