package tracking

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mattn/go-sqlite3"
)

// QueryError: a query that cannot be answered, by a mistake of its own.
type QueryError struct{ Problem string }

// Error is what SQLite says of the query.
func (e *QueryError) Error() string { return e.Problem }

// Result is what a query gave. Values are nil, int64, float64, string or []byte.
type Result struct {
	Columns []string
	Rows    [][]any
}

// Query runs one SQL statement of a user. On a store of OpenReader nothing can
// be changed by it: the file is open read-only, and whatever is not reading is
// refused before it runs.
func (s *Store) Query(ctx context.Context, query string) (*Result, error) {
	if err := oneStatement(query); err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, query)
	if err != nil {
		return nil, s.queryFailed(err)
	}
	defer rows.Close()
	result := &Result{}
	if result.Columns, err = rows.Columns(); err != nil {
		return nil, s.queryFailed(err)
	}
	for rows.Next() {
		row := make([]any, len(result.Columns))
		to := make([]any, len(row))
		for i := range row {
			to[i] = &row[i]
		}
		if err := rows.Scan(to...); err != nil {
			return nil, s.queryFailed(err)
		}
		result.Rows = append(result.Rows, row)
	}
	return result, s.queryFailed(rows.Err())
}

func (s *Store) queryFailed(err error) error {
	var e sqlite3.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e) && (e.Code == sqlite3.ErrAuth || e.Code == sqlite3.ErrReadonly):
		return &QueryError{"the store can only be read here: SELECT, WITH, VALUES, EXPLAIN"}
	case errors.As(err, &e) && e.Code == sqlite3.ErrError:
		return &QueryError{e.Error()}
	}
	return s.failed("query", err)
}

// oneStatement refuses no statement and several: the driver would run them all
// and answer only the last.
func oneStatement(query string) error {
	rest := query
	ended, any := false, false
	for rest != "" {
		n := tokenLen(rest)
		token := rest[:n]
		rest = rest[n:]
		switch {
		case strings.TrimSpace(token) == "", strings.HasPrefix(token, "--"), strings.HasPrefix(token, "/*"):
		case token == ";":
			ended = any
		case ended:
			return &QueryError{"one statement at a time: there is more after the first `;`"}
		default:
			any = true
		}
	}
	if !any {
		return &QueryError{"the query is empty"}
	}
	return nil
}

// tokenLen is the length of the comment, quoted text or single byte at the start
// of s: as much of SQL's lexical rules as a `;` can hide in.
func tokenLen(s string) int {
	for _, t := range []struct{ open, close string }{
		{"--", "\n"}, {"/*", "*/"}, {"'", "'"}, {`"`, `"`}, {"`", "`"}, {"[", "]"},
	} {
		if strings.HasPrefix(s, t.open) {
			end := strings.Index(s[len(t.open):], t.close)
			if end < 0 {
				return len(s)
			}
			return len(t.open) + end + len(t.close)
		}
	}
	return 1
}

// sqliteRecursive is SQLITE_RECURSIVE, which the driver does not name.
const sqliteRecursive = 33

// readable pragmas tell about the schema and change nothing.
var readablePragmas = []string{
	"application_id", "foreign_key_list", "index_info", "index_list", "index_xinfo", "integrity_check",
	"quick_check", "table_info", "table_list", "table_xinfo", "user_version",
}

// lookOnly makes a connection unable to change anything: the file it has open
// is read-only already; query_only and the authorizer also keep it from making
// other files (ATTACH, VACUUM INTO) or undoing that.
func lookOnly(c *sqlite3.SQLiteConn, setup string) error {
	if _, err := c.Exec(setup+`; PRAGMA query_only = 1`, nil); err != nil {
		return err
	}
	c.RegisterAuthorizer(func(op int, arg1, arg2, _ string) int {
		switch op {
		case sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqliteRecursive:
			return sqlite3.SQLITE_OK
		case sqlite3.SQLITE_PRAGMA:
			setsHeader := arg2 != "" && (arg1 == "application_id" || arg1 == "user_version")
			if slices.Contains(readablePragmas, strings.ToLower(arg1)) && !setsHeader {
				return sqlite3.SQLITE_OK
			}
		}
		return sqlite3.SQLITE_DENY
	})
	return nil
}

// shownRuns is SQL that makes a look see each run's true status: a view of the
// connection's own, called runs too, over the table. It is empty when no run
// was lost.
func (s *Store) shownRuns(ctx context.Context) (string, error) {
	lost, err := s.lost(ctx)
	if err != nil || len(lost) == 0 {
		return "", err
	}
	var cases strings.Builder
	for id, status := range lost {
		fmt.Fprintf(&cases, " WHEN status = 'running' AND id = %s THEN '%s'", quote(id), status)
	}
	columns, err := collect(ctx, s, "read the columns of runs", func(rows *sql.Rows) (name string, err error) {
		err = rows.Scan(&name)
		return name, err
	}, `SELECT name FROM pragma_table_info('runs')`)
	if err != nil {
		return "", err
	}
	for i, name := range columns {
		if name == "status" {
			columns[i] = "CASE" + cases.String() + " ELSE status END AS status"
		}
	}
	return `CREATE TEMP VIEW runs AS SELECT ` + strings.Join(columns, ", ") + ` FROM main.runs`, nil
}

// quote writes a text as an SQL literal.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
