-- The server's role in the database, apart from the one that owns the schema.
--
--   wxident         owns the database and everything in it, and runs the
--                   migrations. The server never connects as this role.
--   wxident_server  what database.url names: reads and writes rows, and can
--                   neither make, change, empty nor drop a table.
--
-- Run it in the database as a superuser once migrations have been applied, and
-- again after later ones; repeating it is harmless:
--
--   psql --dbname=wxident --file=docs/database-roles.sql
--
-- and give the role its password with \password wxident_server. Where the owner
-- has another name, change it here.

\set ON_ERROR_STOP on
BEGIN;

SELECT 'CREATE ROLE wxident_server'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'wxident_server')
\gexec
ALTER ROLE wxident_server
  LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;

-- An error's detail names the values of a row: "Key (app_id, openid)=(...)". A
-- superuser alone may turn this off, and so this is the place.
ALTER ROLE wxident_server SET log_error_verbosity = terse;

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
-- dbmate's: which migrations have been applied.
GRANT SELECT ON schema_migrations TO wxident_server;

-- Tables of later migrations, until this file is run again: a server of the
-- next release may start the moment they are there.
ALTER DEFAULT PRIVILEGES FOR ROLE wxident IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO wxident_server;

COMMIT;
