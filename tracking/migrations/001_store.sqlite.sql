-- The store's first schema, in SQLite's dialect. Never edit a migration that
-- has been released: add the next number.
--
-- Times are UTC text such as 2026-01-31T09:30:00.000Z, which sorts and which
-- date functions read. STRICT keeps numbers numbers.

CREATE TABLE runs (
  id               TEXT PRIMARY KEY,
  name             TEXT NOT NULL,        -- the run's label; may be used again
  experiment       TEXT NOT NULL,        -- the name its experiment file gives
  status           TEXT NOT NULL CHECK (status IN
                     ('queued', 'running', 'done', 'failed', 'diverged', 'interrupted', 'pruned')),
  started_at       TEXT,
  ended_at         TEXT,                 -- empty when the process was killed
  seconds          REAL,                 -- from the start to the last thing recorded
  seed             INTEGER NOT NULL,
  epochs_done      INTEGER NOT NULL DEFAULT 0,
  epochs_planned   INTEGER NOT NULL,
  shortcut         TEXT,
  depth            INTEGER,
  params_total     INTEGER,
  params_trainable INTEGER,
  macs             INTEGER,              -- multiply-adds of one example, forward
  config_hash      TEXT,
  group_hash       TEXT,                 -- of the config without its seed and names
  data_hash        TEXT,
  threads          INTEGER,
  cpu              TEXT,
  version          TEXT,
  git_commit       TEXT,
  git_dirty        INTEGER CHECK (git_dirty IN (0, 1)),
  host             TEXT,
  parent_id        TEXT REFERENCES runs (id),
  error            TEXT,
  config           TEXT                  -- the resolved experiment, as YAML
) STRICT;

CREATE INDEX runs_started ON runs (started_at);
CREATE INDEX runs_name ON runs (name);
CREATE INDEX runs_group ON runs (group_hash);
CREATE INDEX runs_status ON runs (status);

CREATE TABLE params (
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  key    TEXT NOT NULL,                  -- dotted path in the experiment
  value  ANY,                            -- integer, real or text (true and false are text)
  PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE metrics (
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  epoch  INTEGER NOT NULL,               -- 0 is the untrained net
  name   TEXT NOT NULL,
  value  REAL,                           -- empty unless finite
  kind   TEXT NOT NULL DEFAULT 'finite' CHECK (kind IN ('finite', 'nan', '+inf', '-inf')),
  PRIMARY KEY (run_id, epoch, name),
  CHECK ((kind = 'finite') = (value IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- One row per run and metric, kept in the transaction that adds the epoch, so
-- that lists never touch metrics. Smallest and largest are of finite values, at
-- the first epoch that had them.
CREATE TABLE summary (
  run_id     TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  name       TEXT NOT NULL,
  last       REAL,
  last_epoch INTEGER NOT NULL,
  last_kind  TEXT NOT NULL,
  min        REAL,
  min_epoch  INTEGER,
  max        REAL,
  max_epoch  INTEGER,
  PRIMARY KEY (run_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE layer_stats (
  run_id   TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  epoch    INTEGER NOT NULL,
  layer    TEXT NOT NULL,
  position INTEGER NOT NULL,             -- of the layer, from the input on
  name     TEXT NOT NULL,
  value    REAL,                         -- empty unless finite
  PRIMARY KEY (run_id, epoch, name, position, layer)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  id     INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  at     TEXT NOT NULL,
  kind   TEXT NOT NULL,
  text   TEXT NOT NULL
) STRICT;

CREATE INDEX events_run ON events (run_id);

CREATE TABLE artifacts (
  run_id     TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  path       TEXT NOT NULL,              -- within the run's folder, or absolute
  kind       TEXT NOT NULL,
  bytes      INTEGER NOT NULL,
  sha256     TEXT NOT NULL,
  created_at TEXT NOT NULL,
  PRIMARY KEY (run_id, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE tags (
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  tag    TEXT NOT NULL,
  PRIMARY KEY (run_id, tag)
) STRICT, WITHOUT ROWID;

CREATE INDEX tags_tag ON tags (tag);

CREATE VIEW epochs AS
SELECT
  run_id,
  epoch,
  max(value) FILTER (WHERE name = 'train_loss') AS train_loss,
  max(value) FILTER (WHERE name = 'train_acc') AS train_acc,
  max(value) FILTER (WHERE name = 'val_loss') AS val_loss,
  max(value) FILTER (WHERE name = 'val_acc') AS val_acc,
  max(value) FILTER (WHERE name = 'clean_train_loss') AS clean_train_loss,
  max(value) FILTER (WHERE name = 'clean_train_err') AS clean_train_err,
  max(value) FILTER (WHERE name = 'lr') AS lr,
  max(value) FILTER (WHERE name = 'grad_norm') AS grad_norm,
  max(value) FILTER (WHERE name = 'seconds') AS seconds,
  max(value) FILTER (WHERE name = 'examples_per_second') AS examples_per_second,
  max(value) FILTER (WHERE name = 'steps') AS steps,
  max(value) FILTER (WHERE name = 'examples') AS examples
FROM metrics
GROUP BY run_id, epoch;

-- One row per experiment group: n counts the finished runs, which the means are
-- of; unfinished counts the others, so that no average hides them. The training
-- error is clean_train_err where it was measured, otherwise 1 - train_acc. The
-- s.d. is the sample's (n - 1): empty for one run. Its sqrt is built into the
-- sqlite3 program and PostgreSQL; the connections made in Go bring their own.
CREATE VIEW degradation AS
WITH final AS (
  SELECT
    r.group_hash, r.experiment, r.shortcut, r.depth, r.params_trainable, r.epochs_planned, r.status,
    CASE WHEN r.status = 'done' THEN coalesce(c.last, 1 - t.last) END AS train_err,
    CASE WHEN r.status = 'done' THEN v.last END AS val_acc,
    CASE WHEN c.last IS NULL THEN '1 - train_acc' ELSE 'clean_train_err' END AS measure
  FROM runs r
  LEFT JOIN summary c ON c.run_id = r.id AND c.name = 'clean_train_err'
  LEFT JOIN summary t ON t.run_id = r.id AND t.name = 'train_acc'
  LEFT JOIN summary v ON v.run_id = r.id AND v.name = 'val_acc'
), centred AS (
  SELECT
    final.*,
    train_err - avg(train_err) OVER (PARTITION BY group_hash) AS train_err_off,
    val_acc - avg(val_acc) OVER (PARTITION BY group_hash) AS val_acc_off
  FROM final
)
SELECT
  group_hash,
  min(experiment) AS experiment,
  min(shortcut) AS shortcut,
  min(depth) AS depth,
  count(*) FILTER (WHERE status = 'done') AS n,
  count(*) FILTER (WHERE status <> 'done') AS unfinished,
  min(epochs_planned) AS epochs,
  min(params_trainable) AS params_trainable,
  min(measure) FILTER (WHERE train_err IS NOT NULL) AS train_err_measure,
  avg(train_err) AS train_err_mean,
  sqrt(sum(train_err_off * train_err_off) / nullif(count(train_err) - 1, 0)) AS train_err_sd,
  avg(val_acc) AS val_acc_mean,
  sqrt(sum(val_acc_off * val_acc_off) / nullif(count(val_acc) - 1, 0)) AS val_acc_sd
FROM centred
GROUP BY group_hash;
