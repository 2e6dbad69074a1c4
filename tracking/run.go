package tracking

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// tx is one IMMEDIATE transaction.
type tx struct {
	*sql.Tx
	ctx context.Context
}

// exec runs a statement and gives the number of rows it changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	r, err := t.ExecContext(t.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// tx commits what f did, or nothing.
func (s *Store) tx(ctx context.Context, f func(*tx) error) error {
	t, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer t.Rollback() // no effect after Commit
	if err := f(&tx{t, ctx}); err != nil {
		return err
	}
	return t.Commit()
}

// NewRun is what is known of a run before it starts. Empty texts and zero counts
// are stored as NULL where that means "not known".
type NewRun struct {
	Name       string // the run's label; Experiment when empty
	Experiment string // the name in the experiment file
	Config     string // the resolved experiment as YAML
	Seed       int64
	Epochs     int // planned

	Shortcut        string
	Depth           int
	ParamsTotal     int64
	ParamsTrainable int64
	MACs            int64 // multiply-adds of one example, forward

	ConfigHash string
	GroupHash  string // of the config without its seed and names
	DataHash   string // may come later, by SetDataHash

	Threads   int
	CPU       string
	Version   string
	GitCommit string
	GitDirty  bool   // counts only with GitCommit
	ParentID  string // the run that this one continues or repeats

	Params []Param
	Tags   []string
}

// Run is a run under way. What happens is recorded even when the context given
// is cancelled already: an interrupted run must be able to say so.
type Run struct {
	ID  string
	Dir string // the folder of its own files

	store   *Store
	lock    *os.File
	started time.Time
}

// Start records a new run as running and takes its lock.
func (s *Store) Start(ctx context.Context, n NewRun) (*Run, error) {
	started := s.env.Now()
	id, err := s.newFolder(started)
	if err != nil {
		return nil, unavailable(s.path, fmt.Errorf("make the run's folder: %w", err))
	}
	r := &Run{ID: id, Dir: s.RunDir(id), store: s, started: started}
	if r.lock, err = lock(r.Dir); err != nil {
		os.RemoveAll(r.Dir)
		return nil, unavailable(s.path, err)
	}
	if n.Name == "" {
		n.Name = n.Experiment
	}
	err = s.tx(ctx, func(tx *tx) error {
		_, err := tx.exec(`
			INSERT INTO runs (
				id, name, experiment, status, started_at, seconds, seed, epochs_planned,
				shortcut, depth, params_total, params_trainable, macs,
				config_hash, group_hash, data_hash, threads, cpu, version,
				git_commit, git_dirty, host, parent_id, config)
			VALUES ($1, $2, $3, 'running', $4, 0, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
				$18, $19, $20, $21, $22)`,
			id, n.Name, n.Experiment, Timestamp(started), n.Seed, n.Epochs,
			known(n.Shortcut), known(n.Depth), known(n.ParamsTotal), known(n.ParamsTrainable), known(n.MACs),
			known(n.ConfigHash), known(n.GroupHash), known(n.DataHash), known(n.Threads), known(n.CPU), known(n.Version),
			known(n.GitCommit), dirty(n), known(s.env.Host), known(n.ParentID), known(n.Config))
		if err != nil {
			return err
		}
		for _, p := range n.Params {
			value, err := scalar(p.Value)
			if err != nil {
				return fmt.Errorf("parameter %s: %w", p.Key, err)
			}
			if _, err := tx.exec(`INSERT INTO params (run_id, key, value) VALUES ($1, $2, $3)`, id, p.Key, value); err != nil {
				return fmt.Errorf("parameter %s: %w", p.Key, err)
			}
		}
		for _, tag := range n.Tags {
			if _, err := tx.exec(`INSERT INTO tags (run_id, tag) VALUES ($1, $2) ON CONFLICT (run_id, tag) DO NOTHING`, id, tag); err != nil {
				return err
			}
		}
		return r.event(tx, "started", "")
	})
	if err != nil {
		r.lock.Close()
		os.RemoveAll(r.Dir) // made by this call, and nothing refers to it
		return nil, s.failed("record the start of a run", err)
	}
	return r, nil
}

// Resume takes the lock of a run that was interrupted or failed and records it as running again. Its seconds go on from those
// that were recorded. Forced, it takes one that is [Unknown] too, whose process must be dead.
func (s *Store) Resume(ctx context.Context, id, note string, force bool) (*Run, error) {
	r := &Run{ID: id, Dir: s.RunDir(id), store: s}
	var err error
	if r.lock, err = lock(r.Dir); err != nil {
		return nil, fmt.Errorf("resume run %s: its folder cannot be locked; is it under way, or its folder gone? %w", id, err)
	}
	err = s.tx(ctx, func(tx *tx) error {
		var seconds float64
		err := tx.QueryRowContext(ctx, `UPDATE runs SET status = 'running', ended_at = NULL, error = NULL, host = $1
			WHERE id = $2 AND (status IN ('interrupted', 'failed') OR $3 AND status = 'running') AND trashed_at IS NULL
			RETURNING coalesce(seconds, 0)`,
			known(s.env.Host), id, force).Scan(&seconds)
		if errors.Is(err, sql.ErrNoRows) {
			return errors.New("it is neither interrupted nor failed")
		}
		if err != nil {
			return err
		}
		r.started = s.env.Now().Add(-time.Duration(seconds * float64(time.Second)))
		return r.event(tx, "resumed", note)
	})
	if err != nil {
		r.lock.Close()
		return nil, s.failed("resume run "+id, err)
	}
	return r, nil
}

// known is NULL for a zero value.
func known[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

func dirty(n NewRun) any {
	switch {
	case n.GitCommit == "":
		return nil
	case n.GitDirty:
		return 1
	}
	return 0
}

// scalar is how a parameter's value is stored: as integer, real or text.
func scalar(v any) (any, error) {
	switch v := v.(type) {
	case nil, int64, float64, string:
		return v, nil
	case int:
		return int64(v), nil
	case bool:
		return fmt.Sprint(v), nil
	}
	return nil, fmt.Errorf("a %T is not an integer, real or text", v)
}

// idDigits are in the order of their bytes, and without letters that look alike.
const idDigits = "0123456789abcdefghjkmnpqrstvwxyz"

// idZero is what ids count seconds from; six digits last until 2054.
var idZero = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// newID is ten digits: six of the second, so that ids sort by time, and four at
// random.
func newID(t time.Time) string {
	var random [4]byte
	rand.Read(random[:])
	seconds := max(0, t.Unix()-idZero.Unix())
	id := make([]byte, 10)
	for i := range 6 {
		id[i] = idDigits[seconds>>(5*(5-i))&31]
	}
	for i, b := range random {
		id[6+i] = idDigits[b&31]
	}
	return string(id)
}

// newFolder makes the folder of a new id; that it must not exist makes the id
// unique among all processes.
func (s *Store) newFolder(t time.Time) (id string, err error) {
	const attempts = 20
	for range attempts {
		id = newID(t)
		if err = os.Mkdir(s.RunDir(id), 0o777); !errors.Is(err, fs.ErrExist) {
			return id, err
		}
	}
	return "", err
}

// Epoch records the metrics of one epoch, their summary and how far the run has
// come in one committed transaction. An epoch is recorded once.
func (r *Run) Epoch(ctx context.Context, n int, metrics []Metric) error {
	return r.record(ctx, fmt.Sprintf("record epoch %d of run %s", n, r.ID), func(tx *tx) error {
		for _, m := range metrics {
			if err := r.metric(tx, n, m); err != nil {
				return fmt.Errorf("metric %s: %w", m.Name, err)
			}
		}
		_, err := tx.exec(`UPDATE runs SET epochs_done = $1 WHERE id = $2 AND epochs_done < $1`, n, r.ID)
		return err
	})
}

func (r *Run) metric(tx *tx, epoch int, m Metric) error {
	value, kind := stored(m.Value)
	_, err := tx.exec(`INSERT INTO metrics (run_id, epoch, name, value, kind) VALUES ($1, $2, $3, $4, $5)`,
		r.ID, epoch, m.Name, value, kind)
	if err != nil {
		return err
	}
	var at any // the epoch of the smallest and largest, when there is a value
	if value != nil {
		at = epoch
	}
	_, err = tx.exec(`
		INSERT INTO summary AS s (run_id, name, last, last_epoch, last_kind, min, min_epoch, max, max_epoch, total)
		VALUES ($1, $2, $3, $4, $5, $3, $6, $3, $6, $3)
		ON CONFLICT (run_id, name) DO UPDATE SET
			last = excluded.last,
			last_epoch = excluded.last_epoch,
			last_kind = excluded.last_kind,
			total = coalesce(s.total + excluded.total, excluded.total, s.total),
			min = CASE WHEN excluded.min < s.min OR s.min IS NULL THEN excluded.min ELSE s.min END,
			min_epoch = CASE WHEN excluded.min < s.min OR s.min IS NULL THEN excluded.min_epoch ELSE s.min_epoch END,
			max = CASE WHEN excluded.max > s.max OR s.max IS NULL THEN excluded.max ELSE s.max END,
			max_epoch = CASE WHEN excluded.max > s.max OR s.max IS NULL THEN excluded.max_epoch ELSE s.max_epoch END`,
		r.ID, m.Name, value, epoch, kind, at)
	return err
}

// LayerStats records numbers about layers at one epoch.
func (r *Run) LayerStats(ctx context.Context, epoch int, stats []LayerStat) error {
	return r.record(ctx, fmt.Sprintf("record the layers of epoch %d of run %s", epoch, r.ID), func(tx *tx) error {
		for _, l := range stats {
			value, _ := stored(l.Value)
			_, err := tx.exec(`INSERT INTO layer_stats (run_id, epoch, layer, position, name, value) VALUES ($1, $2, $3, $4, $5, $6)`,
				r.ID, epoch, l.Layer, l.Position, l.Name, value)
			if err != nil {
				return fmt.Errorf("%s of %s: %w", l.Name, l.Layer, err)
			}
		}
		return nil
	})
}

// Event records that something happened, now.
func (r *Run) Event(ctx context.Context, kind, text string) error {
	return r.record(ctx, "record an event of run "+r.ID, func(tx *tx) error { return r.event(tx, kind, text) })
}

func (r *Run) event(tx *tx, kind, text string) error { return r.store.event(tx, r.ID, kind, text) }

// Artifact records a finished file with its size and SHA-256; a file recorded
// before is recorded anew. A path within the run's folder is kept relative to it.
func (r *Run) Artifact(ctx context.Context, kind, path string) error {
	size, sum, err := digest(path)
	if err != nil {
		return fmt.Errorf("record artifact: %w", err)
	}
	if rel, err := filepath.Rel(r.Dir, path); err == nil && filepath.IsLocal(rel) {
		path = rel
	}
	return r.record(ctx, "record artifact "+path, func(tx *tx) error {
		_, err := tx.exec(`
			INSERT INTO artifacts (run_id, path, kind, bytes, sha256, created_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (run_id, path) DO UPDATE SET
				kind = excluded.kind, bytes = excluded.bytes, sha256 = excluded.sha256, created_at = excluded.created_at`,
			r.ID, path, kind, size, sum, Timestamp(r.store.env.Now()))
		return err
	})
}

func digest(path string) (size int64, sum string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return size, hex.EncodeToString(h.Sum(nil)), err
}

// SetDataHash records the hash of the data, which is known only once it is read.
func (r *Run) SetDataHash(ctx context.Context, hash string) error {
	return r.record(ctx, "record the data of run "+r.ID, func(tx *tx) error {
		_, err := tx.exec(`UPDATE runs SET data_hash = $1 WHERE id = $2`, known(hash), r.ID)
		return err
	})
}

// ends are the statuses that a process can give its own run in the end.
var ends = []string{Done, Failed, Diverged, Interrupted, Pruned}

// Finish records how the run ended (done, failed, diverged, interrupted or
// pruned) and why, and then frees its lock. The Run is of no use afterwards.
func (r *Run) Finish(ctx context.Context, status string, cause error) error {
	if !slices.Contains(ends, status) {
		return fmt.Errorf("finish run %s: status %q is not one of %s", r.ID, status, strings.Join(ends, ", "))
	}
	defer r.lock.Close()
	text := ""
	if cause != nil {
		text = cause.Error()
	}
	return r.record(ctx, "record the end of run "+r.ID, func(tx *tx) error {
		_, err := tx.exec(`UPDATE runs SET status = $1, ended_at = $2, error = $3 WHERE id = $4`,
			status, Timestamp(r.store.env.Now()), known(text), r.ID)
		if err != nil {
			return err
		}
		return r.event(tx, status, text)
	})
}

// record commits what f does together with the seconds passed.
func (r *Run) record(ctx context.Context, doing string, f func(*tx) error) error {
	err := r.store.tx(context.WithoutCancel(ctx), func(tx *tx) error {
		if err := f(tx); err != nil {
			return err
		}
		_, err := tx.exec(`UPDATE runs SET seconds = $1 WHERE id = $2`, r.store.env.Now().Sub(r.started).Seconds(), r.ID)
		return err
	})
	return r.store.failed(doing, err)
}
