-- Whether a professional came with a file of the directory: only those become inactive when a complete file lacks them.
-- Who was there before this column may have come with one.
alter table professionals add column listed boolean not null default true;
alter table professionals alter column listed set default false;
