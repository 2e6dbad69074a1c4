package tracking

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ownTables are the tables whose rows belong to a run.
var ownTables = []string{"params", "metrics", "summary", "layer_stats", "events", "artifacts", "tags"}

// Export makes a new store at path with some of the runs, whole or not at all; a file that is there is replaced. A run whose
// parent is not among them has none there. Stores in one folder share the folders of the runs that are in both, so path
// should be elsewhere.
func (s *Store) Export(ctx context.Context, path string, ids []string) error {
	part, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("export runs: %w", err)
	}
	part.Close()
	defer func() {
		for _, ending := range []string{"", "-wal", "-shm"} {
			os.Remove(part.Name() + ending)
		}
	}()
	if err := s.copyRuns(ctx, part.Name(), ids); err != nil {
		return err
	}
	if err := os.Chmod(part.Name(), 0o644); err != nil {
		return fmt.Errorf("export runs: %w", err)
	}
	if err := os.Rename(part.Name(), path); err != nil {
		return fmt.Errorf("export runs: %w", err)
	}
	return nil
}

// copyRuns fills a new store at path.
func (s *Store) copyRuns(ctx context.Context, path string, ids []string) error {
	target, err := Open(ctx, path, s.env)
	if err != nil {
		return err
	}
	defer target.Close()
	// ATTACH is not possible inside a transaction; the pool has one connection.
	if _, err := target.db.ExecContext(ctx, `ATTACH $1 AS source`, s.dsn); err != nil {
		return target.failed("attach "+s.path, err)
	}
	err = target.tx(ctx, func(tx *tx) error {
		if _, err := tx.exec(`CREATE TEMP TABLE chosen (id TEXT PRIMARY KEY) STRICT`); err != nil {
			return err
		}
		for _, id := range ids {
			if _, err := tx.exec(`INSERT INTO chosen (id) VALUES ($1)`, id); err != nil {
				return err
			}
		}
		columns := recordColumns + ", config, trashed_at"
		orphaned := strings.Replace(columns, "parent_id", "CASE WHEN parent_id IN (SELECT id FROM chosen) THEN parent_id END", 1)
		// Parents started before their children.
		statement := fmt.Sprintf(`INSERT INTO main.runs (%s) SELECT %s FROM source.runs WHERE id IN (SELECT id FROM chosen) ORDER BY started_at, id`, columns, orphaned)
		if _, err := tx.exec(statement); err != nil {
			return err
		}
		for _, table := range ownTables {
			if _, err := tx.exec(fmt.Sprintf(`INSERT INTO main.%[1]s SELECT * FROM source.%[1]s WHERE run_id IN (SELECT id FROM chosen)`, table)); err != nil {
				return fmt.Errorf("copy %s: %w", table, err)
			}
		}
		_, err := tx.exec(`DROP TABLE chosen`)
		return err
	})
	if err != nil {
		return target.failed("export runs", err)
	}
	// One file, with nothing left in its log.
	if _, err := target.db.ExecContext(ctx, `DETACH source; PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		return target.failed("export runs", err)
	}
	return nil
}
