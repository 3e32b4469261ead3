-- One of every kind of object that a snapshot describes; every server from 13 on takes it.
create schema app;
create schema "Odd name";
create extension pg_trgm schema app;
create type app.mood as enum ('sad', 'ok', 'happy');
alter type app.mood add value 'fine' before 'happy';
create type app.pair as (left_part int, right_part text collate "C");
create domain app.percent as numeric(5, 2) default 0 not null check (value between 0 and 100);
create type app.span as range (subtype = timestamptz);
create sequence app.numbers as int start 5 increment 5 minvalue 5 maxvalue 500 cache 3 cycle;
create collation app.german (provider = libc, locale = 'C');

create table app.people (
    id bigint generated always as identity,
    name text collate "C" not null,
    email varchar(200) default 'nobody@example.org',
    initials text generated always as (left(name, 1)) stored,
    mood app.mood default 'ok',
    score app.percent,
    born date,
    data jsonb default '{}',
    primary key (id),
    constraint people_email_key unique (email)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01);
alter table app.people add constraint born_late check (born > date '1900-01-01') not valid;
alter table app.people alter name set statistics 500, alter data set storage external, alter born set (n_distinct = 100);
comment on table app.people is 'it''s everybody';
comment on column app.people.email is 'where to write';
create unlogged table app.cache (key text, value bytea);
create table app.parent (a int, b int);
create table app.child (c int) inherits (app.parent);
create table app.orders (
    day date not null, person bigint references app.people on delete cascade deferrable,
    amount numeric(10, 2), during app.span, exclude using gist (during with &&)
);
create table app.events (at timestamptz not null, kind text, serial_id serial) partition by range (at);
create table app.events_2026 partition of app.events
    for values from ('2026-01-01 00:00:00+00') to ('2027-01-01 00:00:00+00');
create table app.events_other partition of app.events default;
create table "Odd name"."Tab.le" ("Col ""x""" int default nextval('app.numbers'));

create index people_name on app.people using btree (lower(name) desc nulls last) include (email) where born is not null;
create index people_trgm on app.people using gin (name app.gin_trgm_ops);
create unique index events_at on app.events (at, kind);
alter table app.people replica identity using index people_pkey;
alter table app.people cluster on people_pkey;
alter table app.parent replica identity full;
create statistics app.people_stats (ndistinct, dependencies) on name, born from app.people;

create view app.adults with (security_barrier) as
    select id, name from app.people where born < date '2008-01-01';
comment on view app.adults is 'old enough';
create materialized view app.totals as select person, sum(amount) as total from app.orders group by person with no data;
create unique index totals_person on app.totals (person);

create function app.touch() returns trigger language plpgsql as $$begin new.data := '{}'; return new; end$$;
create function app.add(a int, b int default 1) returns int language sql immutable parallel safe as 'select a + b';
create procedure app.tidy() language sql as 'delete from app.cache';
create aggregate app.total (int) (sfunc = int4pl, stype = int, initcond = '0');
create operator app.=== (leftarg = text, rightarg = text, function = texteq);
create cast (app.pair as text) with inout;
create trigger people_touch before update of name on app.people
    for each row when (old.name is distinct from new.name) execute function app.touch();
alter table app.people disable trigger people_touch;
create rule keep_parent as on delete to app.parent do instead nothing;
alter table app.people enable row level security;
alter table app.people force row level security;
create policy own_rows on app.people for select to public using (name = current_user);
create policy writers on app.people as restrictive for update using (true) with check (score > 0);
create function app.watch() returns event_trigger language plpgsql as $$begin end$$;
create event trigger watcher on ddl_command_end when tag in ('CREATE TABLE') execute function app.watch();
alter event trigger watcher disable;
create publication news for table app.people, app.orders with (publish = 'insert, update');
create text search configuration app.words (copy = pg_catalog.simple);
create foreign data wrapper nothing;
create server elsewhere foreign data wrapper nothing;
create foreign table app.far (a int not null) server elsewhere;
grant select on app.people to public;
grant select (amount) on app.orders to public;
alter default privileges in schema app grant select on tables to public;
