-- A role for BI tools on PostgreSQL: it reads answers and how records ended, and changes nothing.
-- It sees no dead letters, which hold texts, and no input files of bulk jobs.
--
--     psql -d textmill -f deploy/sql/reader.sql
--     CREATE ROLE dashboard LOGIN PASSWORD '...' IN ROLE textmill_reader;
--
-- Safe to repeat; run it again after `textmill db upgrade`, which may make tables and views.

DO $$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'textmill_reader') THEN
        CREATE ROLE textmill_reader NOLOGIN;
    END IF;
END $$;

ALTER ROLE textmill_reader SET default_transaction_read_only = on;
ALTER ROLE textmill_reader SET statement_timeout = '60s';

GRANT USAGE ON SCHEMA public TO textmill_reader;
GRANT SELECT ON
    classification, sentiment, summarization, tagging, tag_span,
    result, ending, model, model_version, route, cost_profile, partition_claim,
    bulk_chunk, bulk_error
TO textmill_reader;
GRANT SELECT (bulk_id, name, tenant, state, priority, created_at, submitted_at, changed_at)
    ON bulk TO textmill_reader;
