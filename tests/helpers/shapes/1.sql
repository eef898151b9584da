-- The tables of schema version 1, the first that there were.
BEGIN TRANSACTION;
CREATE TABLE daybook (schema_version INTEGER NOT NULL, PRIMARY KEY (schema_version));
INSERT INTO "daybook" VALUES(1);
CREATE TABLE journals (organisation VARCHAR(200) NOT NULL, narration VARCHAR(200) NOT NULL, generation INTEGER NOT NULL, connection VARCHAR(200) NOT NULL, day DATE NOT NULL, booking_date DATE NOT NULL, number INTEGER NOT NULL, request_key VARCHAR(36) NOT NULL, digest VARCHAR(64) NOT NULL, lines INTEGER NOT NULL, debits VARCHAR(40) NOT NULL, state VARCHAR(20) NOT NULL, manual_journal_id VARCHAR(36), reason TEXT, changed_at VARCHAR(40) NOT NULL, PRIMARY KEY (organisation, narration, generation));
CREATE TABLE requests (request_key VARCHAR(36) NOT NULL, body BLOB NOT NULL, first_sent_at VARCHAR(40), PRIMARY KEY (request_key));
CREATE TABLE runs (run_id VARCHAR(36) NOT NULL, connection VARCHAR(200) NOT NULL, day DATE NOT NULL, started_at VARCHAR(40) NOT NULL, ended_at VARCHAR(40), status VARCHAR(20) NOT NULL, message TEXT NOT NULL, PRIMARY KEY (run_id));
CREATE INDEX ix_journals_connection ON journals (connection);
CREATE INDEX ix_journals_day ON journals (day);
COMMIT;
