-- The metrics of mirrored evaluation and of averaged weights, after those there
-- were: a query by the number of a column still finds it.
DROP VIEW epochs;

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
  max(value) FILTER (WHERE name = 'examples') AS examples,
  max(value) FILTER (WHERE name = 'tta_val_loss') AS tta_val_loss,
  max(value) FILTER (WHERE name = 'tta_val_acc') AS tta_val_acc,
  max(value) FILTER (WHERE name = 'ema_val_loss') AS ema_val_loss,
  max(value) FILTER (WHERE name = 'ema_val_acc') AS ema_val_acc,
  max(value) FILTER (WHERE name = 'ema_tta_val_loss') AS ema_tta_val_loss,
  max(value) FILTER (WHERE name = 'ema_tta_val_acc') AS ema_tta_val_acc
FROM metrics
GROUP BY run_id, epoch;
