-- The tables of schema version 2, with leases, finished days and incidents.
BEGIN TRANSACTION;
CREATE TABLE daybook (schema_version INTEGER NOT NULL, PRIMARY KEY (schema_version));
INSERT INTO "daybook" VALUES(2);
CREATE TABLE days (connection VARCHAR(200) NOT NULL, day DATE NOT NULL, zone VARCHAR(64) NOT NULL, stated_lines INTEGER NOT NULL, finished_at VARCHAR(40) NOT NULL, PRIMARY KEY (connection, day));
CREATE TABLE incidents (incident_id VARCHAR(36) NOT NULL, flow VARCHAR(20) NOT NULL, connection VARCHAR(200) NOT NULL, day DATE NOT NULL, stage VARCHAR(20) NOT NULL, step VARCHAR(40) NOT NULL, error TEXT NOT NULL, remedy TEXT NOT NULL, opened VARCHAR(40) NOT NULL, times INTEGER NOT NULL, resolved VARCHAR(40), task_state VARCHAR(10) NOT NULL, task_title TEXT NOT NULL, task_text TEXT NOT NULL, task_id VARCHAR(40), task_tried BOOLEAN NOT NULL, PRIMARY KEY (incident_id));
CREATE TABLE journals (organisation VARCHAR(200) NOT NULL, narration VARCHAR(200) NOT NULL, generation INTEGER NOT NULL, connection VARCHAR(200) NOT NULL, day DATE NOT NULL, booking_date DATE NOT NULL, number INTEGER NOT NULL, request_key VARCHAR(36) NOT NULL, digest VARCHAR(64) NOT NULL, lines INTEGER NOT NULL, debits VARCHAR(40) NOT NULL, state VARCHAR(20) NOT NULL, manual_journal_id VARCHAR(36), reason TEXT, changed_at VARCHAR(40) NOT NULL, PRIMARY KEY (organisation, narration, generation));
CREATE TABLE leases (flow VARCHAR(20) NOT NULL, connection VARCHAR(200) NOT NULL, day DATE NOT NULL, owner VARCHAR(36) NOT NULL, place VARCHAR(64) NOT NULL, stage VARCHAR(20) NOT NULL, taken_at VARCHAR(40) NOT NULL, renewed_at VARCHAR(40) NOT NULL, PRIMARY KEY (flow, connection, day));
CREATE TABLE requests (request_key VARCHAR(36) NOT NULL, body BLOB NOT NULL, first_sent_at VARCHAR(40), PRIMARY KEY (request_key));
CREATE TABLE runs (run_id VARCHAR(36) NOT NULL, connection VARCHAR(200) NOT NULL, day DATE NOT NULL, started_at VARCHAR(40) NOT NULL, ended_at VARCHAR(40), status VARCHAR(20) NOT NULL, message TEXT NOT NULL, PRIMARY KEY (run_id));
CREATE INDEX ix_incidents_connection ON incidents (connection);
CREATE INDEX ix_incidents_day ON incidents (day);
CREATE INDEX ix_journals_connection ON journals (connection);
CREATE INDEX ix_journals_day ON journals (day);
COMMIT;
