package main

import (
	"bytes"
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"exp/tracking"
)

// Verbs on a store of this size must answer within verbLimit.
const (
	manyRuns   = 2000
	manyEpochs = 100
	verbLimit  = 300 * time.Millisecond
)

// manyStore makes runs in groups of five seeds, each with 60 parameters and the twelve
// metrics of an epoch, by SQL: through Start and Epoch it would take minutes of fsync.
func manyStore(b *testing.B, path string) {
	b.Helper()
	s, err := tracking.Open(context.Background(), path, tracking.Env{Host: "h", Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	s.Close()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		b.Fatal(err)
	}
	for _, q := range []string{
		`CREATE TEMP TABLE run AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 - 1) SELECT i, printf('r%09d', i) AS id FROM n WHERE ?2 > 0`,
		`INSERT INTO runs (id, name, experiment, status, started_at, seconds, seed, epochs_done, epochs_planned, shortcut, depth,
				params_total, params_trainable, macs, config_hash, group_hash, data_hash, threads, cpu, version)
			SELECT id, 'net-' || (i / 5), 'net', 'done', strftime('%Y-%m-%dT%H:%M:%S.000Z', 1800000000 + i, 'unixepoch'), 100, i % 5, ?2, ?2,
				CASE i / 5 % 2 WHEN 0 THEN 'none' ELSE 'projection' END, 20 + i / 10, 270000, 269000, 40000000, 'c' || i, 'g' || (i / 5), 'd', 2, 'cpu', 'v1'
			FROM run WHERE ?1 > 0`,
		`INSERT INTO params SELECT id, printf('model.stages.%d.value%d', k / 10, k % 10), CASE k WHEN 7 THEN i / 5 ELSE 0.5 END
			FROM run, (WITH RECURSIVE k(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM k WHERE k < 58) SELECT k FROM k) WHERE ?1 > 0 AND ?2 > 0`,
		`INSERT INTO params SELECT id, 'optimizer.lr', 0.1 FROM run WHERE ?1 > 0 AND ?2 > 0`,
		`INSERT INTO metrics (run_id, epoch, name, value)
			WITH RECURSIVE e(e) AS (SELECT 0 UNION ALL SELECT e + 1 FROM e WHERE e < ?2),
			names(name) AS (VALUES ('train_loss'), ('train_acc'), ('val_loss'), ('val_acc'), ('lr'), ('grad_norm'), ('seconds'),
				('examples_per_second'), ('steps'), ('examples'), ('clean_train_loss'), ('clean_train_err'))
			SELECT id, e, name, abs(random() % 1000) / 1000.0 FROM run, e, names WHERE ?1 > 0`,
		`INSERT INTO summary SELECT run_id, name, max(value), ?2, 'finite', min(value), 1, max(value), 1, sum(value) FROM metrics WHERE ?1 > 0 GROUP BY run_id, name`,
		`INSERT INTO tags SELECT id, 'deg' || (i % 3) FROM run WHERE ?1 > 0 AND ?2 > 0`,
	} {
		if _, err := tx.Exec(q, manyRuns, manyEpochs); err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkVerbs holds what people wait for under verbLimit, from opening the store on.
func BenchmarkVerbs(b *testing.B) {
	path := filepath.Join(b.TempDir(), "exp.db")
	manyStore(b, path)
	for _, c := range []struct {
		name string
		args []string
	}{
		{"ls", []string{"ls"}},
		{"ls all", []string{"ls", "-n", "0", "--csv"}},
		{"ls where", []string{"ls", "-n", "0", "--where", "shortcut = none and depth >= 44 and (val_acc.max > 0.5 or status = diverged) and optimizer.lr = 0.1 and tag = deg1"}},
		{"ls by epoch", []string{"ls", "-n", "0", "--where", "val_loss.at(10) > 0.2 and val_acc.first < 0.9 and not model.stages.0.value7 > 900", "--sort", "-val_acc.at(50)"}},
		{"ls cols", []string{"ls", "-n", "0", "--cols", "name, depth, tag, optimizer.lr, val_acc.max, val_acc.max@epoch, val_loss.first", "--sort", "-val_acc.max"}},
		{"compare two", []string{"compare", "net-1", "net-2"}},
		{"compare all", []string{"compare", "--where", "status = done", "--csv"}},
		{"compare all, for people", []string{"compare", "--where", "status = done"}},
		{"compare all, each", []string{"compare", "--where", "status = done", "--each", "--csv"}},
		{"compare all, each, for people", []string{"compare", "--where", "status = done", "--each"}},
		{"compare all, JSON", []string{"compare", "--where", "status = done", "--json"}},
		{"compare all at 50", []string{"compare", "--where", "tag = deg1", "--at", "50", "--csv"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				var out, said bytes.Buffer
				a := &app{out: &out, err: &said, getenv: func(string) string { return "" }, now: time.Now, host: "h"}
				if code := a.main(context.Background(), append([]string{"--db", path}, c.args...)); code != 0 || out.Len() == 0 {
					b.Fatalf("exit code %d: %s", code, &said)
				}
			}
			if perOp := b.Elapsed() / time.Duration(b.N); perOp > verbLimit {
				b.Errorf("%v a call", perOp)
			}
		})
	}
}
