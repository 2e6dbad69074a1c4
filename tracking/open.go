package tracking

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/mattn/go-sqlite3"
)

// busyTimeout is how long a transaction waits for another process's. Epochs of
// many runs at once take milliseconds each; only a stuck disk needs this long.
const busyTimeout = 30 * time.Second

// Store is an open store of runs.
type Store struct {
	path string
	dsn  string
	env  Env
	db   *sql.DB
}

// Open opens the store for writing; it makes the file and its folder, or
// brings an older one to today's schema after copying it aside. Runs whose
// process has died are marked as interrupted on the way.
func Open(ctx context.Context, path string, env Env) (*Store, error) {
	path = behindLink(path)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, unavailable(path, err)
	}
	// Opening for writing changes the journal mode: not of a file that is not ours.
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		look, _, _, err := openToLook(ctx, path)
		if err != nil {
			return nil, unavailable(path, err)
		}
		look.Close()
	}
	// FULL: an epoch is rare and costs minutes, so it survives a power cut too.
	name := dsn(path, "_journal_mode", "WAL", "_synchronous", "FULL", "_foreign_keys", "on", "_txlock", "immediate")
	db := connect(name)
	s := &Store{path: path, dsn: name, env: env, db: db}
	err := patiently(ctx, func() error { return s.migrate(ctx, migrations()) })
	if err == nil {
		err = s.sweep(ctx)
	}
	if err != nil {
		db.Close()
		return nil, unavailable(path, err)
	}
	return s, nil
}

// OpenReader opens an existing store to look at it. Nothing is written, not
// even for a run whose process has died by now: it is only shown as interrupted.
// (An older store is brought to today's schema first, as Open does.)
func OpenReader(ctx context.Context, path string, env Env) (*Store, error) {
	path = behindLink(path)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, unavailable(path, errors.New("there is no such file; `exp run` makes it, --db or EXP_DB names another"))
	}
	db, name, version, err := openToLook(ctx, path)
	if err != nil {
		return nil, unavailable(path, err)
	}
	if version < len(migrations()) {
		db.Close()
		writer, err := Open(ctx, path, env)
		if err != nil {
			return nil, err
		}
		writer.Close()
		db = connect(name)
	}
	s := &Store{path: path, dsn: name, env: env, db: db}
	shown, err := s.shownRuns(ctx)
	db.Close()
	if err != nil {
		return nil, unavailable(path, err)
	}
	s.db = connect(name, func(c *sqlite3.SQLiteConn) error { return lookOnly(c, shown) })
	return s, nil
}

// openToLook opens a store read-only and checks that it is one. A WAL store
// wants its -shm file even then; where the folder does not let it be made and
// nobody is writing (no -wal file), the file cannot change and is read as it is.
func openToLook(ctx context.Context, path string) (db *sql.DB, name string, version int, err error) {
	name = dsn(path, "mode", "ro")
	db = connect(name)
	err = patiently(ctx, func() (err error) { version, err = identify(ctx, db); return err })
	if code := (sqlite3.Error{}); errors.As(err, &code) && (code.Code == sqlite3.ErrCantOpen || code.Code == sqlite3.ErrReadonly) {
		if _, walErr := os.Stat(path + "-wal"); errors.Is(walErr, fs.ErrNotExist) {
			db.Close()
			name = dsn(path, "mode", "ro", "immutable", "1")
			db = connect(name)
			version, err = identify(ctx, db)
		}
	}
	if err == nil {
		err = tooNew(version, len(migrations()))
	}
	if err != nil {
		db.Close()
		return nil, "", 0, err
	}
	return db, name, version, nil
}

// patiently repeats what fails because the store is locked. SQLite waits for
// other processes by itself (busyTimeout) except while one of them is turning a
// new file into a WAL store: then it gives up at once.
func patiently(ctx context.Context, f func() error) error {
	const pause, attempts = 20 * time.Millisecond, 250 // 5 s
	for range attempts {
		err := f()
		if code := (sqlite3.Error{}); !errors.As(err, &code) || code.Code != sqlite3.ErrBusy {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
	return f()
}

// Close ends the use of the store; runs still open keep their lock until they
// are finished.
func (s *Store) Close() error { return s.db.Close() }

// behindLink is the file that path is a link to, beside which the runs' folders are, or path.
func behindLink(path string) string {
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if file, err := filepath.EvalSymlinks(path); err == nil {
			return file
		}
	}
	return path
}

// Path is the store's file, as it was given unless that is a link to it.
func (s *Store) Path() string { return s.path }

// RunDir is the folder of a run's own files.
func (s *Store) RunDir(id string) string { return RunDir(s.path, id) }

// RunDir is the folder of a run's own files for the store at path.
func RunDir(path, id string) string { return filepath.Join(filepath.Dir(behindLink(path)), id) }

func unavailable(path string, err error) error {
	if code := (sqlite3.Error{}); errors.As(err, &code) && code.Code == sqlite3.ErrNotADB {
		err = errors.New("not an SQLite file")
	}
	return &UnavailableError{Path: path, Err: err}
}

// notTheStore are errors of a statement or its caller, not of the store.
var notTheStore = []sqlite3.ErrNo{sqlite3.ErrConstraint, sqlite3.ErrError, sqlite3.ErrInterrupt, sqlite3.ErrMismatch}

// failed gives an error of a statement the store's type where the store itself
// is the cause, so that a caller can tell it from a mistake of its own.
func (s *Store) failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", doing, err)
	var e sqlite3.Error
	if errors.As(err, &e) && !slices.Contains(notTheStore, e.Code) {
		return &UnavailableError{Path: s.path, Err: err}
	}
	return err
}

// connector makes connections without a name in database/sql's global registry.
type connector struct {
	driver *sqlite3.SQLiteDriver
	dsn    string
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c connector) Driver() driver.Driver                        { return c.driver }

// connect gives a pool of one connection: one writer a process, and readers that
// see one state.
func connect(dsn string, hooks ...func(*sqlite3.SQLiteConn) error) *sql.DB {
	d := &sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error {
		err := c.RegisterFunc("sqrt", sqrt, true)
		if err == nil {
			err = c.RegisterFunc("regexp", newMatcher(), true)
		}
		for _, hook := range hooks {
			if err == nil {
				err = hook(c)
			}
		}
		return err
	}}
	db := sql.OpenDB(connector{d, dsn})
	db.SetMaxOpenConns(1)
	return db
}

// sqrt is for the view degradation: the driver's SQLite is built without the
// mathematical functions that the sqlite3 program has. As there, what is not a
// number gives NULL.
func sqrt(v any) any {
	switch x := v.(type) {
	case float64:
		if x >= 0 {
			return math.Sqrt(x)
		}
	case int64:
		if x >= 0 {
			return math.Sqrt(float64(x))
		}
	}
	return nil
}

// newMatcher makes the function behind X REGEXP Y, which SQLite calls with Y first;
// it remembers the pattern compiled last.
func newMatcher() func(pattern string, text any) (bool, error) {
	var last *regexp.Regexp
	return func(pattern string, text any) (bool, error) {
		if last == nil || last.String() != pattern {
			var err error
			if last, err = regexp.Compile(pattern); err != nil {
				return false, err
			}
		}
		switch t := text.(type) {
		case string:
			return last.MatchString(t), nil
		case []byte:
			return last.Match(t), nil
		}
		return false, nil
	}
}

// dsn sets pragmas there, and so on every connection: by Exec they would reach
// only one of a pool.
func dsn(path string, params ...string) string {
	q := url.Values{"_busy_timeout": {fmt.Sprint(busyTimeout.Milliseconds())}}
	for i := 0; i < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}
