package tracking

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// Keep is the tag that protects a run from the trash.
const Keep = "keep"

// Tag adds tags to runs and removes others, all or nothing. It gives the number of
// tags that were not there before, or are not there any more.
func (s *Store) Tag(ctx context.Context, ids, add, remove []string) (changed int, err error) {
	err = s.tx(ctx, func(tx *tx) error {
		changed = 0
		for _, id := range ids {
			for _, tag := range add {
				n, err := tx.exec(`INSERT INTO tags (run_id, tag) VALUES ($1, $2) ON CONFLICT (run_id, tag) DO NOTHING`, id, tag)
				if err != nil {
					return err
				}
				changed += int(n)
			}
			for _, tag := range remove {
				n, err := tx.exec(`DELETE FROM tags WHERE run_id = $1 AND tag = $2`, id, tag)
				if err != nil {
					return err
				}
				changed += int(n)
			}
		}
		return nil
	})
	return changed, s.failed("tag runs", err)
}

// AllTags gives every tag in use with the number of runs that have it.
func (s *Store) AllTags(ctx context.Context) (*Result, error) {
	result := &Result{Columns: []string{"tag", "runs"}}
	var err error
	result.Rows, err = collect(ctx, s, "list tags", func(rows *sql.Rows) ([]any, error) {
		var tag string
		var n int64
		err := rows.Scan(&tag, &n)
		return []any{tag, n}, err
	}, `SELECT tag, count(*) FROM tags JOIN runs ON runs.id = run_id WHERE trashed_at IS NULL GROUP BY tag ORDER BY tag`)
	return result, err
}

// AddEvent records that something happened to a run, now, whether it is under way or
// not.
func (s *Store) AddEvent(ctx context.Context, id, kind, text string) error {
	err := s.tx(ctx, func(tx *tx) error { return s.event(tx, id, kind, text) })
	return s.failed("record an event of run "+id, err)
}

func (s *Store) event(tx *tx, id, kind, text string) error {
	_, err := tx.exec(`INSERT INTO events (run_id, at, kind, text) VALUES ($1, $2, $3, $4)`, id, Timestamp(s.env.Now()), kind, text)
	return err
}

// Rename gives a run another name; its id stays.
func (s *Store) Rename(ctx context.Context, r Record, name string) error {
	err := s.tx(ctx, func(tx *tx) error {
		if _, err := tx.exec(`UPDATE runs SET name = $1 WHERE id = $2`, name, r.ID); err != nil {
			return err
		}
		return s.event(tx, r.ID, "renamed", r.Name+" to "+name)
	})
	return s.failed("rename run "+r.ID, err)
}

// ProtectedError: runs that must not go to the trash, and why.
type ProtectedError struct {
	Why  string
	Runs []Record
}

// Error names the runs.
func (e *ProtectedError) Error() string {
	var ids []string
	for _, r := range e.Runs {
		ids = append(ids, r.ID)
	}
	return strings.Join(ids, ", ") + ": " + e.Why
}

const unseen = "recorded as running, on another computer or in a folder that is gone or closed to us"

// Trash moves runs to the trash, all or none. One that is running or tagged [Keep]
// is a *ProtectedError, and one that is [Unknown] too, unless it is forced.
func (s *Store) Trash(ctx context.Context, runs []Record, force bool) error {
	err := s.tx(ctx, func(tx *tx) error {
		var running, unknown, kept []Record
		for _, r := range runs {
			var status string
			var keep bool
			err := tx.QueryRowContext(ctx, `
				SELECT status, EXISTS (SELECT 1 FROM tags WHERE run_id = runs.id AND tag = $1) FROM runs WHERE id = $2`,
				Keep, r.ID).Scan(&status, &keep)
			switch {
			case err != nil:
				return err
			case status == Running && r.Status != Unknown:
				running = append(running, r)
			case status == Running && !force:
				unknown = append(unknown, r)
			case keep:
				kept = append(kept, r)
			}
		}
		switch {
		case len(running) > 0:
			return &ProtectedError{"running, and not to be removed before the end", running}
		case len(unknown) > 0:
			return &ProtectedError{unseen + "; if it is dead, --force removes it", unknown}
		case len(kept) > 0:
			return &ProtectedError{fmt.Sprintf("tagged %q, and not removed before that tag is", Keep), kept}
		}
		return s.setTrashed(tx, runs, Timestamp(s.env.Now()), "removed")
	})
	return s.failed("remove runs", err)
}

// Restore takes runs out of the trash.
func (s *Store) Restore(ctx context.Context, runs []Record) error {
	err := s.tx(ctx, func(tx *tx) error { return s.setTrashed(tx, runs, nil, "restored") })
	return s.failed("restore runs", err)
}

func (s *Store) setTrashed(tx *tx, runs []Record, at any, event string) error {
	for _, r := range runs {
		if _, err := tx.exec(`UPDATE runs SET trashed_at = $1 WHERE id = $2`, at, r.ID); err != nil {
			return err
		}
		if err := s.event(tx, r.ID, event, ""); err != nil {
			return err
		}
	}
	return nil
}

// Old gives the runs that went to the trash before a time, the newest first.
func (s *Store) Old(ctx context.Context, before time.Time) ([]Record, error) {
	return s.records(ctx, `SELECT `+recordColumns+` FROM runs WHERE trashed_at < $1`+newestFirst, Timestamp(before))
}

// Bytes is the size of a run's files.
func (s *Store) Bytes(id string) (sum int64, err error) {
	root := s.RunDir(id)
	err = fs.WalkDir(os.DirFS(root), ".", func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // a folder that somebody removed, or a copied store
	}
	return sum, err
}

// Delete deletes runs of the trash for good, and their files. A run that was restored
// meanwhile is left alone, and so is one in whose folder a process works, which another
// store may know of; what continued a deleted run has no parent any more.
func (s *Store) Delete(ctx context.Context, runs []Record) (deleted []string, err error) {
	var problems error
	runs = slices.DeleteFunc(slices.Clone(runs), func(r Record) bool {
		held, _ := locked(s.RunDir(r.ID)) // a folder that is gone has no lock
		if held {
			problems = errors.Join(problems, fmt.Errorf("run %s is left: a process works in its folder", r.ID))
		}
		return held
	})
	err = s.tx(ctx, func(tx *tx) error {
		deleted = nil
		for _, r := range runs {
			_, err := tx.exec(`
				UPDATE runs SET parent_id = NULL
				WHERE parent_id = $1 AND EXISTS (SELECT 1 FROM runs t WHERE t.id = $1 AND t.trashed_at IS NOT NULL)`, r.ID)
			if err != nil {
				return err
			}
			n, err := tx.exec(`DELETE FROM runs WHERE id = $1 AND trashed_at IS NOT NULL`, r.ID)
			if err != nil {
				return err
			}
			if n > 0 {
				deleted = append(deleted, r.ID)
			}
		}
		return nil
	})
	if err != nil {
		return nil, s.failed("delete runs", err)
	}
	// Only when the rows are gone: files without a row are waste, a row without files a lie.
	for id := range slices.Values(deleted) {
		if err := os.RemoveAll(s.RunDir(id)); err != nil {
			problems = errors.Join(problems, fmt.Errorf("delete the files of run %s: %w", id, err))
		}
	}
	return deleted, problems
}
