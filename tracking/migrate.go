package tracking

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// Migrations are numbered files, applied in order. Ours rather than a library's
// because of three things that goose's Provider leaves to its caller on SQLite:
// its locks are PostgreSQL's, so two processes that start at once would both
// migrate; it knows no word against a schema newer than the program; and its
// version table does not tell a store from another program's file. SQLite's own
// header fields, read again inside BEGIN IMMEDIATE, settle all three.

//go:embed migrations/*.sqlite.sql
var migrationFiles embed.FS

// applicationID marks an SQLite file as a store of exp ("EXP1").
const applicationID = 0x45585031

// migrations gives the SQL that leads from schema i to schema i+1, for each i.
func migrations() []string {
	names, err := fs.Glob(migrationFiles, "migrations/*.sqlite.sql")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	slices.Sort(names)
	steps := make([]string, len(names))
	for i, name := range names {
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			panic(err) // it was listed by the same embedded folder
		}
		steps[i] = string(text)
	}
	return steps
}

// queryer is a database, a connection of it or a transaction.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// identify gives the schema's number, 0 for a new file, or refuses a file that
// is not a store.
func identify(ctx context.Context, q queryer) (version int, err error) {
	var app, tables int
	// One statement sees one state, whatever another process is just committing.
	err = q.QueryRowContext(ctx, `
		SELECT count(*), (SELECT application_id FROM pragma_application_id()), (SELECT user_version FROM pragma_user_version())
		FROM sqlite_master`).Scan(&tables, &app, &version)
	if err != nil {
		return 0, err
	}
	if app != applicationID && (app != 0 || tables > 0) {
		return 0, errors.New("the SQLite file of another program; --db or EXP_DB names another")
	}
	return version, nil
}

func tooNew(version, known int) error {
	if version > known {
		return fmt.Errorf("its schema %d is newer than this program's %d: use a newer exp, or another --db", version, known)
	}
	return nil
}

// migrate brings the store to the schema after the last of steps.
func (s *Store) migrate(ctx context.Context, steps []string) error {
	version, err := identify(ctx, s.db)
	if err != nil {
		return err
	}
	if version == len(steps) {
		return nil
	}
	return s.tx(ctx, func(tx *tx) error {
		version, err := identify(ctx, tx.Tx) // another process may have been faster
		if err != nil {
			return err
		}
		if err := tooNew(version, len(steps)); err != nil {
			return err
		}
		if 0 < version && version < len(steps) {
			if err := s.copyAside(ctx, version); err != nil {
				return err
			}
		}
		for i := version; i < len(steps); i++ {
			if _, err := tx.exec(steps[i]); err != nil {
				return fmt.Errorf("migrate to schema %d: %w", i+1, err)
			}
		}
		_, err = tx.exec(fmt.Sprintf(`PRAGMA application_id = %d; PRAGMA user_version = %d`, applicationID, len(steps)))
		return err
	})
}

// copyAside saves the store as it was before its migration. It
// reads on a connection of its own while the caller's transaction keeps all
// writers out.
func (s *Store) copyAside(ctx context.Context, version int) error {
	target := fmt.Sprintf("%s.schema%d-%s", s.path, version, s.env.Now().UTC().Format("20060102T150405"))
	db := connect(dsn(s.path, "mode", "ro"))
	defer db.Close()
	part := target + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := db.ExecContext(ctx, `VACUUM INTO $1`, part); err != nil {
		return fmt.Errorf("copy the store to %s before its migration: %w", target, err)
	}
	return os.Rename(part, target)
}
