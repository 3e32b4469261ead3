-- Creates the ledger, or brings an older one or one that lacks something to version 4: one statement,
-- so all of it or nothing. A newer one is left alone.
-- Readers (status, gate) use the views only; the tables may change with meta.version. The views and
-- the label are readable by everyone, because a label that a role cannot read could not warn it away;
-- the files themselves stay with the owner.
do $headgate$
declare
    writer oid;
begin
    perform pg_catalog.pg_advisory_xact_lock(1751608423, 0);
    if pg_catalog.to_regnamespace('headgate') is null then
        create schema headgate;
    end if;
    create table if not exists headgate.meta (version integer not null);
    if exists (select from headgate.meta where version > 4) then
        return;
    end if;

    create table if not exists headgate.label (
        only_one boolean primary key default true check (only_one),
        target text not null,
        protected boolean not null,
        set_at timestamptz not null default pg_catalog.now(),
        set_by text
    );
    create table if not exists headgate.run (
        seq bigint generated always as identity primary key,
        id text not null unique default pg_catalog.gen_random_uuid()::text,
        version_table text not null,
        direction text not null check (direction in ('up', 'down', 'baseline', 'adopt')),
        target text not null,
        goal text,
        from_rows text[] not null,
        to_rows text[] not null,
        started_at timestamptz not null default pg_catalog.now(),
        started_by text,
        host text,
        pid bigint,
        db_user text not null default current_user,
        commit_id text,
        tool text not null,
        overrides text[] not null default '{}',
        wal_before pg_lsn,
        finished_at timestamptz,
        outcome text check (outcome in ('applied', 'failed', 'interrupted', 'recorded', 'abandoned')),
        rows_after text[],
        error text,
        sqlstate text,
        check ((finished_at is null) = (outcome is null))
    );
    create index if not exists run_version_table_seq_idx on headgate.run (version_table, seq);
    create table if not exists headgate.step (
        seq bigint generated always as identity primary key,
        run bigint not null references headgate.run (seq),
        position integer not null,
        revision text not null,
        down_revisions text[] not null,
        depends_on text[] not null,
        direction text not null check (direction in ('up', 'down', 'baseline', 'adopt')),
        message text,
        path text,
        digest text,
        file bytea,
        plan_digest text,
        schema_fingerprint text,
        started_at timestamptz,
        committed_at timestamptz,
        outcome text check (outcome in ('done', 'not-done')),
        unique (run, position)
    ) with (fillfactor = 45); -- each is written twice: the second time beside the first, without its indexes
    create index if not exists step_revision_idx on headgate.step (revision);
    create table if not exists headgate.held (
        version_table text not null,
        revision text not null,
        run bigint references headgate.run (seq),
        held_at timestamptz not null default pg_catalog.now(),
        held_by text,
        primary key (version_table, revision)
    );

    -- Version 2: what the schema is after a run, the server's version with it, the HMAC of a file, and
    -- runs that move a version row over a squash.
    alter table headgate.run add column if not exists fingerprint text,
                             add column if not exists server_version integer,
                             add column if not exists database_oid bigint,
                             drop constraint if exists run_direction_check,
                             add constraint run_direction_check
                                 check (direction in ('up', 'down', 'baseline', 'adopt', 'squash'));
    alter table headgate.step add column if not exists hmac text,
                              drop constraint if exists step_direction_check,
                              add constraint step_direction_check
                                  check (direction in ('up', 'down', 'baseline', 'adopt', 'squash'));
    -- Version 4: what a run found changed is one value, a JSON array of {kind, name, digest, definition, made}: as
    -- rows, of which a run that makes 3,000 tables has 12,000, writing it took thirty times as long, and reading
    -- no less. Compressed it would be written ten times slower.
    create table if not exists headgate.change (
        seq bigint generated always as identity primary key,
        run bigint not null references headgate.run (seq),
        objects text not null
    );
    alter table headgate.change alter column objects set storage external;
    -- Of version 2 or 3, a row an object. Once: where somebody's own view keeps the old table, it stays below.
    if pg_catalog.to_regclass('headgate.object') is not null and not exists (select from headgate.change) then
        alter table headgate.object add column if not exists definition text;
        insert into headgate.change (run, objects)
        select o.run, pg_catalog.json_agg(pg_catalog.json_build_object(
                   'kind', o.kind, 'name', o.name, 'digest', o.digest, 'definition', o.definition,
                   'made', o.made) order by o.seq)::text
          from headgate.object o
         group by o.run
         order by pg_catalog.min(o.seq);
        -- That there were some before somebody emptied it stays to be seen (sql/emptied.sql).
        if not exists (select from headgate.change)
           and exists (select from pg_catalog.pg_sequences q where q.schemaname = 'headgate'
                          and q.sequencename = 'object_seq_seq' and q.last_value is not null) then
            perform pg_catalog.nextval('headgate.change_seq_seq'::pg_catalog.regclass);
        end if;
    end if;

    -- What somebody edited until it cannot be read is no object, and the fingerprint tells. As an error it would be
    -- in the way of all who read the view, and of the run that records anew what is there.
    create or replace function headgate.changed(objects text)
        returns table (kind text, name text, digest text, definition text, made boolean)
        language plpgsql stable rows 50 as $changed$
    begin
        return query select o.kind, o.name, o.digest, o.definition, o.made
                       from pg_catalog.json_to_recordset(objects::pg_catalog.json) as
                            o (kind text, name text, digest text, definition text, made boolean);
    exception when data_exception or statement_too_complex then
        return;
    end
    $changed$;

    -- A view of another shape cannot be replaced; one that somebody's own views use cannot be dropped.
    begin
        drop view if exists headgate.applied, headgate.summary, headgate.runs, headgate.objects;
    exception when dependent_objects_still_exist then
        null;
    end;
    create or replace view headgate.applied as
        select distinct on (r.version_table, s.revision)
               r.version_table, s.revision, s.direction, s.down_revisions, s.depends_on, s.message,
               s.path, s.digest, r.commit_id, r.started_by as applied_by, r.host, r.target,
               r.finished_at, r.id as run, s.seq
          from headgate.step s join headgate.run r on r.seq = s.run
         where s.outcome = 'done'
         order by r.version_table, s.revision, s.seq desc;

    create or replace view headgate.summary as
        select l.target, l.protected, t.version_table,
               last.revision as last_revision, fin.finished_at as last_finished_at,
               fin.started_by as last_by, fin.outcome as last_outcome, fin.direction as last_direction,
               fin.rows_after as last_rows,
               open_run.id as open_run, open_run.started_at as open_since,
               open_run.started_by as open_by, open_run.host as open_host, open_run.pid as open_pid,
               open_run.direction as open_direction,
               open_run.from_rows as open_from, open_run.to_rows as open_to,
               (select pg_catalog.array_agg(h.revision order by h.revision) from headgate.held h
                 where h.version_table = t.version_table) as held
          from headgate.label l
          left join (select distinct version_table from headgate.run) t on true
          left join lateral (select * from headgate.run r
                              where r.version_table = t.version_table and r.finished_at is not null
                              order by r.seq desc limit 1) fin on true
          left join lateral (select s.revision from headgate.step s
                               join headgate.run r on r.seq = s.run
                              where r.version_table = t.version_table and s.outcome = 'done'
                              order by s.seq desc limit 1) last on true
          left join lateral (select * from headgate.run r
                              where r.version_table = t.version_table and r.finished_at is null
                              order by r.seq desc limit 1) open_run on true;

    -- No error text: it can hold values of rows.
    create or replace view headgate.runs as
        select seq, id, version_table, direction, target, goal, from_rows, to_rows, started_at,
               started_by, host, pid, db_user, commit_id, tool, overrides, wal_before, finished_at,
               outcome, rows_after, sqlstate, fingerprint, server_version, database_oid
          from headgate.run;

    create or replace view headgate.objects as
        select distinct on (o.kind, o.name)
               o.kind, o.name, o.digest, o.made, r.id as run, r.version_table, r.finished_at,
               o.definition
          from headgate.change c join headgate.run r on r.seq = c.run, headgate.changed(c.objects) o
         order by o.kind, o.name, c.seq desc;
    begin
        drop table if exists headgate.object;
    exception when dependent_objects_still_exist then
        null;
    end;

    -- Who could write before can go on.
    for writer in select distinct a.grantee
                    from pg_catalog.pg_class c,
                         pg_catalog.aclexplode(coalesce(c.relacl, pg_catalog.acldefault('r', c.relowner))) a
                   where c.oid = 'headgate.run'::pg_catalog.regclass and a.privilege_type = 'INSERT'
    loop
        execute pg_catalog.format('grant select, insert on headgate.change to %s',
                                  case writer when 0 then 'public' else writer::pg_catalog.regrole::text end);
    end loop;
    grant usage on schema headgate to public;
    grant select on headgate.meta, headgate.label, headgate.applied, headgate.summary, headgate.runs,
                    headgate.objects to public;
    grant execute on function headgate.changed(text) to public;
    delete from headgate.meta;
    insert into headgate.meta values (4);
end
$headgate$;
