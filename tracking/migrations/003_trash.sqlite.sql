-- What lists need once there are thousands of runs, and a trash for runs.

-- A run with a time here is in the trash: out of every list until it is restored.
ALTER TABLE runs ADD COLUMN trashed_at TEXT;

-- The sum of the finite values over the epochs, so that what a run took in all is
-- known without its metrics.
ALTER TABLE summary ADD COLUMN total REAL;
UPDATE summary SET total = (
  SELECT sum(m.value) FROM metrics m WHERE m.run_id = summary.run_id AND m.name = summary.name);

-- Which keys there are, and which runs have a value.
CREATE INDEX params_key ON params (key, value);

-- As before, without what is in the trash.
DROP VIEW degradation;
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
  WHERE r.trashed_at IS NULL
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
