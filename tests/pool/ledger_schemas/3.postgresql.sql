CREATE TABLE displacements (
  displacement VARCHAR NOT NULL,
  attempt VARCHAR NOT NULL,
  job VARCHAR NOT NULL,
  unit VARCHAR NOT NULL,
  for_job VARCHAR NOT NULL,
  worker VARCHAR NOT NULL,
  started TIMESTAMP WITH TIME ZONE NOT NULL,
  seconds FLOAT,
  how VARCHAR NOT NULL,
  times INTEGER DEFAULT '1' NOT NULL,
  PRIMARY KEY (displacement)
);
CREATE TABLE jobs (
  job VARCHAR NOT NULL,
  pool VARCHAR NOT NULL,
  session VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  show VARCHAR NOT NULL,
  kind VARCHAR NOT NULL,
  priority VARCHAR NOT NULL,
  own_priority VARCHAR DEFAULT '' NOT NULL,
  deadline TIMESTAMP WITH TIME ZONE,
  groups BIGINT NOT NULL,
  submitted TIMESTAMP WITH TIME ZONE NOT NULL,
  payload BYTEA,
  signature BYTEA,
  ended TIMESTAMP WITH TIME ZONE,
  status VARCHAR NOT NULL,
  seconds FLOAT,
  running_seconds FLOAT,
  groups_done BIGINT,
  groups_failed BIGINT,
  error VARCHAR,
  PRIMARY KEY (job)
);
CREATE INDEX jobs_submitted ON jobs (submitted);
CREATE TABLE learned (
  kind VARCHAR NOT NULL,
  seconds_per_frame FLOAT NOT NULL,
  units BIGINT NOT NULL,
  at TIMESTAMP WITH TIME ZONE NOT NULL,
  PRIMARY KEY (kind)
);
CREATE TABLE leases (
  worker VARCHAR NOT NULL,
  session VARCHAR NOT NULL,
  pool VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  tier VARCHAR NOT NULL,
  price_per_hour FLOAT NOT NULL,
  threads INTEGER NOT NULL,
  startup_seconds FLOAT,
  joined TIMESTAMP WITH TIME ZONE NOT NULL,
  ended TIMESTAMP WITH TIME ZONE,
  seconds FLOAT,
  reason VARCHAR,
  PRIMARY KEY (worker, session)
);
CREATE TABLE mediadask_schema (
  version SERIAL NOT NULL,
  PRIMARY KEY (version)
);
CREATE TABLE names (
  id SERIAL NOT NULL,
  name VARCHAR NOT NULL,
  PRIMARY KEY (id),
  UNIQUE (name)
);
CREATE TABLE packed_attempts (
  job INTEGER NOT NULL,
  attempt VARCHAR NOT NULL,
  unit VARCHAR NOT NULL,
  kind INTEGER NOT NULL,
  frames BIGINT NOT NULL,
  worker INTEGER NOT NULL,
  number INTEGER NOT NULL,
  started TIMESTAMP WITH TIME ZONE,
  ended TIMESTAMP WITH TIME ZONE,
  outcome VARCHAR,
  run_seconds FLOAT,
  paused_seconds FLOAT,
  error VARCHAR,
  PRIMARY KEY (job, attempt)
);
CREATE INDEX attempts_open ON packed_attempts (worker) WHERE ended IS NULL;
CREATE TABLE reprioritizations (
  job VARCHAR NOT NULL,
  at TIMESTAMP WITH TIME ZONE NOT NULL,
  priority VARCHAR NOT NULL,
  deadline TIMESTAMP WITH TIME ZONE,
  reason VARCHAR NOT NULL,
  PRIMARY KEY (job, at)
);
CREATE TABLE sessions (
  session VARCHAR NOT NULL,
  pool VARCHAR NOT NULL,
  host VARCHAR NOT NULL,
  place VARCHAR DEFAULT '' NOT NULL,
  journal VARCHAR NOT NULL,
  started TIMESTAMP WITH TIME ZONE NOT NULL,
  beats BIGINT NOT NULL,
  seconds FLOAT NOT NULL,
  ended TIMESTAMP WITH TIME ZONE,
  PRIMARY KEY (session)
);
CREATE TABLE shares (
  owner INTEGER NOT NULL,
  attempt VARCHAR NOT NULL,
  job INTEGER NOT NULL,
  part FLOAT NOT NULL,
  PRIMARY KEY (owner, attempt, job)
);
CREATE TABLE sums (
  job INTEGER NOT NULL,
  worker INTEGER NOT NULL,
  outcome VARCHAR NOT NULL,
  attempts BIGINT NOT NULL,
  run_seconds FLOAT NOT NULL,
  paused_seconds FLOAT NOT NULL,
  started TIMESTAMP WITH TIME ZONE NOT NULL,
  ended TIMESTAMP WITH TIME ZONE NOT NULL,
  PRIMARY KEY (job, worker, outcome)
);
CREATE VIEW attempts AS
SELECT p.attempt, j.name AS job, p.unit, k.name AS kind, p.frames, w.name AS worker, p.number,
    p.started AS started, p.ended AS ended, p.outcome,
    p.run_seconds, p.paused_seconds, p.error
FROM packed_attempts p
JOIN names j ON j.id = p.job JOIN names k ON k.id = p.kind JOIN names w ON w.id = p.worker;

INSERT INTO mediadask_schema (version) VALUES (3);
INSERT INTO sessions (session, pool, host, journal, started, beats, seconds, ended) VALUES
  ('s1', 'house', 'farm-01', '/nowhere/s1.journal', '2026-05-01 10:00:00.000000+00', 700, 7200.0, '2026-05-01 12:00:00.000000+00');
INSERT INTO jobs (job, pool, session, name, show, kind, priority, deadline, groups, submitted, payload, ended, status, seconds,
    running_seconds, groups_done, groups_failed, error) VALUES
  ('j1', 'house', 's1', 'turnover 7', 'SHOW_A', 'pull', 'urgent', '2026-05-01 11:00:00.000000+00', 2, '2026-05-01 10:00:00.000000+00', NULL, '2026-05-01 10:30:00.000000+00', 'done',
    1800.0, 1700.0, 2, 0, ''),
  ('j2', 'house', 's1', 'dailies', 'SHOW_B', 'proxy', 'background', NULL, 2, '2026-05-01 10:05:00.000000+00', NULL, '2026-05-01 11:05:00.000000+00', 'failed',
    3600.0, 3000.0, 1, 1, 'A001.mov: is cut off'),
  ('j3', 'house', 's1', 'archive', 'SHOW_B', 'archive', 'normal', NULL, 1, '2026-05-01 11:50:00.000000+00', '\x800495', NULL, 'running',
    NULL, NULL, NULL, NULL, NULL);
INSERT INTO reprioritizations (job, at, priority, deadline, reason) VALUES
  ('j1', '2026-05-01 10:01:00.000000+00', 'urgent', '2026-05-01 11:00:00.000000+00', 'the client waits');
INSERT INTO names (id, name) VALUES (1, 'j1'), (2, 'j2'), (3, 'j3'), (4, 'w1'), (5, 'w2'), (6, 'pull exr'), (7, 'proxy h264'),
  (8, 'archive zarr');
INSERT INTO packed_attempts (attempt, job, unit, kind, frames, worker, number, started, ended, outcome, run_seconds,
    paused_seconds, error) VALUES
  ('a1', 1, 'pull-1', 6, 24, 4, 1, '2026-05-01 10:00:01.000000+00', '2026-05-01 10:30:01.000000+00', 'done', 1800.0, 0.0, ''),
  ('a2', 2, 'proxy-1', 7, 240, 4, 1, '2026-05-01 10:30:01.000000+00', '2026-05-01 11:30:01.000000+00', 'failed', 1800.0, 1800.0, 'A001.mov: is cut off'),
  ('a3', 2, 'proxy-2', 7, 240, 5, 1, '2026-05-01 10:06:00.000000+00', '2026-05-01 10:36:00.000000+00', 'done', 1800.0, 0.0, ''),
  ('a4', 3, 'archive-1', 8, 100, 5, 1, '2026-05-01 11:55:00.000000+00', '2026-05-01 12:00:00.000000+00', 'lost', 300.0, 0.0, 'pool died');
INSERT INTO shares (owner, attempt, job, part) VALUES (2, 'a3', 1, 0.5), (2, 'a3', 2, 0.5);
SELECT setval('names_id_seq', 8);
INSERT INTO displacements (displacement, attempt, job, unit, for_job, worker, started, seconds, how) VALUES
  ('d1', 'a2', 'j2', 'proxy-1', 'j1', 'w1', '2026-05-01 10:40:00.000000+00', 1800.0, 'resumed');
INSERT INTO leases (worker, session, pool, name, tier, price_per_hour, threads, startup_seconds, joined, ended, seconds, reason) VALUES
  ('w1', 's1', 'house', 'spot-1', 'spot', 2.0, 1, 31.5, '2026-05-01 10:00:00.000000+00', '2026-05-01 12:00:00.000000+00', 7200.0, 'pool died'),
  ('w2', 's1', 'house', 'spot-2', 'spot', 2.0, 1, NULL, '2026-05-01 10:00:00.000000+00', '2026-05-01 12:00:00.000000+00', 7200.0, 'pool died');
INSERT INTO learned (kind, seconds_per_frame, units, at) VALUES ('proxy h264', 7.5, 2, '2026-05-01 11:30:01.000000+00');
