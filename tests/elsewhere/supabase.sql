-- What a new Supabase project has before anything of ours comes, as far as we meet it: its roles, its schemas, who may do
-- what there, and auth.uid() as Supabase has it. Two roles have other names than there: its superuser (supabase_admin) is
-- `postgres` here, and the role that its customers are given (postgres) is `customer`.
-- https://github.com/supabase/postgres/tree/develop/nix/tests/expected says what is where: roles.out, auth.out.
CREATE ROLE anon NOLOGIN;
CREATE ROLE authenticated NOLOGIN;
CREATE ROLE service_role NOLOGIN BYPASSRLS;
CREATE ROLE authenticator LOGIN NOINHERIT;
CREATE ROLE supabase_auth_admin LOGIN NOINHERIT CREATEROLE;
CREATE ROLE customer LOGIN CREATEDB CREATEROLE REPLICATION BYPASSRLS;
GRANT anon, authenticated, service_role TO authenticator;
GRANT anon, authenticated, service_role TO customer WITH ADMIN OPTION;
ALTER ROLE customer SET search_path = "$user", public, extensions;

ALTER DATABASE supabase OWNER TO customer;
GRANT USAGE ON SCHEMA public TO customer, anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres, customer IN SCHEMA public
    GRANT ALL ON TABLES TO customer, anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres, customer IN SCHEMA public
    GRANT ALL ON FUNCTIONS TO customer, anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres, customer IN SCHEMA public
    GRANT ALL ON SEQUENCES TO customer, anon, authenticated, service_role;

CREATE SCHEMA extensions;
GRANT USAGE ON SCHEMA extensions TO anon, authenticated, service_role;
GRANT ALL ON SCHEMA extensions TO customer;
CREATE EXTENSION pgcrypto WITH SCHEMA extensions;
CREATE EXTENSION "uuid-ossp" WITH SCHEMA extensions;

-- The customer sees it, and may not hand that on.
CREATE SCHEMA auth;
GRANT USAGE ON SCHEMA auth TO customer, anon, authenticated, service_role;
GRANT ALL ON SCHEMA auth TO supabase_auth_admin;
CREATE TABLE auth.users (id uuid PRIMARY KEY, email varchar(255));
ALTER TABLE auth.users OWNER TO supabase_auth_admin;
-- Unlike ours it asks the older variable first, and takes an empty `sub` for an error.
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
    )::uuid
$$;
ALTER FUNCTION auth.uid() OWNER TO supabase_auth_admin;
