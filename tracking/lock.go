package tracking

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// A run holds flock on a file of its folder from before its row says running
// until after the row says something else. The kernel frees the lock on any
// death, so a free lock and a row that says running mean a process that died:
// no heartbeat, no clock, no process ids that come back.

const lockFile = "lock"

// lock takes a run's lock. Whoever only looks at it holds it for a moment, so it
// is tried more than once.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, err
	}
	const pause, attempts = 10 * time.Millisecond, 50
	for range attempts {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
		time.Sleep(pause)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return f, nil
}

// locked says whether a process holds the lock of the run in dir. It asks for a
// shared lock, so that two looks at once do not take each other for the run.
func locked(dir string) (bool, error) {
	f, err := os.Open(filepath.Join(dir, lockFile))
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// lost gives what runs recorded as running have become when no process works on
// them: interrupted, or unknown where that cannot be seen. Whoever uses it must
// look at the row's status again: a run may have ended properly in between.
func (s *Store) lost(ctx context.Context) (map[string]string, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT id, coalesce(host, '') FROM runs WHERE status = 'running'`)
	if err != nil {
		return nil, fmt.Errorf("look for dead runs: %w", err)
	}
	defer rows.Close()
	lost := map[string]string{}
	for rows.Next() {
		var id, host string
		if err := rows.Scan(&id, &host); err != nil {
			return nil, err
		}
		if host != s.env.Host {
			lost[id] = Unknown
			continue
		}
		held, err := locked(s.RunDir(id))
		switch {
		case err != nil:
			lost[id] = Unknown // a copied store, a folder that was removed, or one of somebody else
		case !held:
			lost[id] = Interrupted
		}
	}
	return lost, rows.Err()
}

// sweep records as interrupted the runs whose process has died.
func (s *Store) sweep(ctx context.Context) error {
	lost, err := s.lost(ctx)
	if err != nil {
		return err
	}
	for id, status := range lost {
		if status != Interrupted {
			continue
		}
		err := s.tx(ctx, func(tx *tx) error {
			n, err := tx.exec(`UPDATE runs SET status = 'interrupted', error = 'its process died' WHERE id = $1 AND status = 'running'`, id)
			if err != nil || n == 0 {
				return err
			}
			_, err = tx.exec(`INSERT INTO events (run_id, at, kind, text) VALUES ($1, $2, 'interrupted', 'found without a process')`,
				id, Timestamp(s.env.Now()))
			return err
		})
		if err != nil {
			return fmt.Errorf("mark run %s as interrupted: %w", id, err)
		}
	}
	return nil
}
