-- A role for BI tools on PostgreSQL: it reads answers and how records ended, and changes nothing.
-- It sees no dead letters, which hold texts, and no input files of bulk jobs.
--
--     psql -d textmill -f deploy/sql/reader.sql
--     CREATE ROLE dashboard LOGIN PASSWORD '...' IN ROLE textmill_reader;
--     psql -d textmill -f deploy/sql/reader.sql
--
-- Its members read what it may read. That their transactions are read-only and their statements end
-- after a minute is set for each of them, since PostgreSQL does not inherit such settings: so run it
-- again for a new member, and after `textmill db upgrade`, which may make tables and views.

DO $$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'textmill_reader') THEN
        CREATE ROLE textmill_reader NOLOGIN;
    END IF;
END $$;

DO $$ DECLARE member text; BEGIN
    FOR member IN
        SELECT rolname FROM pg_roles
        WHERE pg_has_role(oid, 'textmill_reader', 'member') AND NOT rolsuper
    LOOP
        member := quote_ident(member);
        EXECUTE 'ALTER ROLE ' || member || ' SET default_transaction_read_only = on';
        EXECUTE 'ALTER ROLE ' || member || ' SET statement_timeout = 60000';
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA public TO textmill_reader;
GRANT SELECT ON
    classification, sentiment, summarization, tagging, tag_span, rerun_change,
    result, entity_name, ending, model, model_version, route, cost_profile, partition_claim,
    bulk_chunk, bulk_error, bulk_flight, rerun
TO textmill_reader;
GRANT SELECT (bulk_id, name, tenant, state, priority, created_at, submitted_at, changed_at)
    ON bulk TO textmill_reader;
