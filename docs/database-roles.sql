-- The server's role in the database, apart from the one that owns the schema.
--
--   the owner       of the database and of everything in it; runs the
--                   migrations. The server never connects as this role.
--   wxident_server  what database.url names: reads and writes rows, and can
--                   neither make, change, empty nor drop a table.
--
-- Run it in the database once migrations have been applied, and again after
-- later ones or a new release; repeating it is harmless:
--
--   psql --dbname=wxident --file=docs/database-roles.sql
--
-- as a superuser, or as the database's owner with the right to make roles
-- (CREATEROLE), as managed databases have one. Then give the role its password
-- with \password wxident_server. README.md has all steps, "Run it for real".

\set ON_ERROR_STOP on
BEGIN;

SELECT rolsuper AS superuser FROM pg_roles WHERE rolname = current_user
\gset
SELECT pg_get_userbyid(datdba) AS owner FROM pg_database
WHERE datname = current_database()
\gset

SELECT 'CREATE ROLE wxident_server'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'wxident_server')
\gexec
ALTER ROLE wxident_server LOGIN NOCREATEDB NOCREATEROLE;
\if :superuser
ALTER ROLE wxident_server NOSUPERUSER NOREPLICATION NOBYPASSRLS;
-- An error's detail names the values of a row: "Key (app_id, openid)=(...)".
ALTER ROLE wxident_server SET log_error_verbosity = terse;
\else
\echo 'Not a superuser, so two things stay as they are. The database''s log may'
\echo 'name values of rows: let a superuser run'
\echo '  ALTER ROLE wxident_server SET log_error_verbosity = terse;'
\echo 'or see that few read that log. And of wxident_server''s rights:'
SELECT rolsuper OR rolreplication OR rolbypassrls AS "more than it should have"
FROM pg_roles WHERE rolname = 'wxident_server';
\endif

-- No statement and no lock may hold the server for long, whatever way it
-- connects; it does not start without.
ALTER ROLE wxident_server SET statement_timeout = '3s';
ALTER ROLE wxident_server SET lock_timeout = '200ms';
ALTER ROLE wxident_server SET idle_in_transaction_session_timeout = '5s';
-- What the server's statements count on, whatever the database's defaults are.
ALTER ROLE wxident_server SET default_transaction_isolation = 'read committed';
ALTER ROLE wxident_server SET array_nulls = on;
ALTER ROLE wxident_server SET client_min_messages = notice;
-- Compiling a statement takes PostgreSQL longer than running any of ours.
ALTER ROLE wxident_server SET jit = off;

-- What PostgreSQL lets everybody do: connect, and make temporary tables; before
-- version 15 also tables in the schema public.
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database())
\gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO wxident_server',
              current_database())
\gexec
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO wxident_server;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, wxident_server;
GRANT SELECT, INSERT, UPDATE, DELETE ON
  app_credentials,
  identities,
  login_answers,
  oauth_grants,
  phones,
  profiles,
  session_keys,
  sessions,
  union_ids,
  user_forwards,
  users
  TO wxident_server;
-- What has happened stays, and is for others to read; a key's canary stays.
GRANT INSERT ON user_events TO wxident_server;
GRANT SELECT, INSERT, UPDATE ON key_canaries TO wxident_server;
-- dbmate's: which migrations have been applied. And which servers those allow.
GRANT SELECT ON schema_migrations, schema_compatibility TO wxident_server;

-- Tables of later migrations, until this file is run again: a server of the
-- next release may start the moment they are there.
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO wxident_server;

COMMIT;
