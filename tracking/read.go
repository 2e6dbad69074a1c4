package tracking

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"exp/tracking/filter"
)

// Record is one row of the table runs. Zero values stand for NULL where a zero
// would mean nothing.
type Record struct {
	ID, Name, Experiment, Status       string
	StartedAt, EndedAt                 time.Time
	Seconds                            float64 // from the start to the last thing recorded
	Seed                               int64
	EpochsDone, EpochsPlanned          int64
	Shortcut                           string
	Depth                              int64
	ParamsTotal, ParamsTrainable, MACs int64
	ConfigHash, GroupHash, DataHash    string
	Threads                            int64
	CPU, Version, GitCommit            string
	GitDirty                           bool
	Host, ParentID, Error              string
}

// Field is one column of a row: its name and its value, nil for NULL.
type Field struct {
	Name  string
	Value any
}

// column ties a column of runs to a field of Record.
type column struct {
	name     string
	to       any
	nullable bool // a zero value is NULL
}

func (r *Record) columns() []column {
	return []column{
		{"id", &r.ID, false},
		{"name", &r.Name, false},
		{"experiment", &r.Experiment, false},
		{"status", &r.Status, false},
		{"started_at", &r.StartedAt, true},
		{"ended_at", &r.EndedAt, true},
		{"seconds", &r.Seconds, false},
		{"seed", &r.Seed, false},
		{"epochs_done", &r.EpochsDone, false},
		{"epochs_planned", &r.EpochsPlanned, false},
		{"shortcut", &r.Shortcut, true},
		{"depth", &r.Depth, true},
		{"params_total", &r.ParamsTotal, true},
		{"params_trainable", &r.ParamsTrainable, true},
		{"macs", &r.MACs, true},
		{"config_hash", &r.ConfigHash, true},
		{"group_hash", &r.GroupHash, true},
		{"data_hash", &r.DataHash, true},
		{"threads", &r.Threads, true},
		{"cpu", &r.CPU, true},
		{"version", &r.Version, true},
		{"git_commit", &r.GitCommit, true},
		{"git_dirty", &r.GitDirty, r.GitCommit == ""},
		{"host", &r.Host, true},
		{"parent_id", &r.ParentID, true},
		{"error", &r.Error, true},
	}
}

// Fields gives the row as the columns of the table runs, in their order.
func (r Record) Fields() []Field {
	columns := r.columns()
	fields := make([]Field, len(columns))
	for i, c := range columns {
		fields[i] = Field{c.name, c.value()}
	}
	return fields
}

func (c column) value() any {
	switch p := c.to.(type) {
	case *string:
		if c.nullable {
			return known(*p)
		}
		return *p
	case *int64:
		if c.nullable {
			return known(*p)
		}
		return *p
	case *float64:
		return *p
	case *bool:
		switch {
		case c.nullable:
			return nil
		case *p:
			return int64(1)
		}
		return int64(0)
	case *time.Time:
		if p.IsZero() {
			return nil
		}
		return Timestamp(*p)
	}
	panic(fmt.Sprintf("column %s: %T is not a type of a column", c.name, c.to))
}

// Scan stores what the database gave; NULL leaves a zero value.
func (c column) Scan(src any) error {
	if src == nil {
		return nil
	}
	switch p := c.to.(type) {
	case *string:
		*p = src.(string)
	case *int64:
		*p = src.(int64)
	case *float64:
		*p = src.(float64)
	case *bool:
		*p = src.(int64) != 0
	case *time.Time:
		t, err := time.Parse(timeLayout, src.(string))
		if err != nil {
			return err
		}
		*p = t
	}
	return nil
}

// recordColumns is the SELECT list that scanRecord reads.
var recordColumns = func() string {
	var names []string
	for _, c := range new(Record).columns() {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}()

func scanRecord(rows *sql.Rows) (r Record, err error) {
	columns := r.columns()
	to := make([]any, len(columns))
	for i := range columns {
		to[i] = columns[i]
	}
	err = rows.Scan(to...)
	return r, err
}

// Filter says which runs List gives, and in which order; its zero value is all that
// are not in the trash, the one started last first.
type Filter struct {
	IDs      []string // only these; nil = all
	Statuses []string
	Where    string // in the language of package filter
	Sort     string // as well
	Trashed  bool   // those in the trash instead
	Limit    int    // 0 = no limit
}

// clauses gives WHERE and ORDER BY.
func (s *Store) clauses(ctx context.Context, f Filter, args *[]any) (where, order string, err error) {
	where, order = " WHERE "+inTrash(f.Trashed), newestFirst
	if f.IDs != nil {
		list, err := json.Marshal(f.IDs) // one argument, however many they are
		if err != nil {
			return "", "", err
		}
		*args = append(*args, string(list))
		where += " AND id IN (SELECT value FROM json_each($" + strconv.Itoa(len(*args)) + "))"
	}
	if len(f.Statuses) > 0 {
		where += " AND status IN (" + placeholders(args, f.Statuses) + ")"
	}
	if f.Where == "" && f.Sort == "" {
		return where, order, nil
	}
	names, err := s.names(ctx)
	if err != nil {
		return "", "", err
	}
	if f.Where != "" {
		condition, err := filter.Where(f.Where, names, args)
		if err != nil {
			return "", "", fmt.Errorf("--where: %w", err)
		}
		where += " AND " + condition
	}
	if f.Sort != "" {
		keys, err := filter.Sort(f.Sort, names, args)
		if err != nil {
			return "", "", fmt.Errorf("--sort: %w", err)
		}
		order = " ORDER BY " + keys + ", " + strings.TrimPrefix(newestFirst, " ORDER BY ")
	}
	return where, order, nil
}

func inTrash(trashed bool) string {
	if trashed {
		return "trashed_at IS NOT NULL"
	}
	return "trashed_at IS NULL"
}

// placeholders adds the values to args and gives their $n.
func placeholders(args *[]any, values []string) string {
	list := make([]string, len(values))
	for i, v := range values {
		*args = append(*args, v)
		list[i] = "$" + strconv.Itoa(len(*args))
	}
	return strings.Join(list, ", ")
}

const newestFirst = " ORDER BY started_at DESC NULLS LAST, id DESC"

// List gives runs. A mistake in the filter is a *filter.Error.
func (s *Store) List(ctx context.Context, f Filter) ([]Record, error) {
	query, args, err := s.list(ctx, f, recordColumns, nil)
	if err != nil {
		return nil, err
	}
	return s.records(ctx, query, args...)
}

// list is the statement that gives columns of the runs of a filter.
func (s *Store) list(ctx context.Context, f Filter, columns string, args []any) (query string, _ []any, err error) {
	where, order, err := s.clauses(ctx, f, &args)
	if err != nil {
		return "", nil, err
	}
	query = `SELECT ` + columns + ` FROM runs` + where + order
	if f.Limit > 0 {
		args = append(args, f.Limit)
		query += " LIMIT $" + strconv.Itoa(len(args))
	}
	return query, args, nil
}

// Selection is what Select gave.
type Selection struct {
	IDs     []string // of the runs, a row each
	Columns []filter.Shown
	Rows    [][]any // as in Result; of metrics, NaN and infinities too
}

// Select gives the runs of List as rows of the columns that are named in the language
// of package filter.
func (s *Store) Select(ctx context.Context, f Filter, columns string) (*Selection, error) {
	names, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	var args []any
	list, shown, err := filter.Select(columns, names, &args)
	if err != nil {
		return nil, fmt.Errorf("--cols: %w", err)
	}
	query, args, err := s.list(ctx, f, "id, "+list, args)
	if err != nil {
		return nil, err
	}
	var ids []string
	rows, err := collect(ctx, s, "list runs", func(rows *sql.Rows) ([]any, error) {
		var id string
		row, to := make([]any, len(shown)), []any{&id}
		for i := range row {
			to = append(to, &row[i])
		}
		err := rows.Scan(to...)
		ids = append(ids, id)
		for i, v := range row {
			if kind, ok := v.(string); ok && shown[i].Metric {
				row[i] = number(nil, kind)
			}
		}
		return row, err
	}, query, args...)
	return &Selection{ids, shown, rows}, err
}

// Count gives the number of runs that List would without a limit.
func (s *Store) Count(ctx context.Context, f Filter) (n int, err error) {
	var args []any
	where, _, err := s.clauses(ctx, Filter{IDs: f.IDs, Statuses: f.Statuses, Where: f.Where, Trashed: f.Trashed}, &args)
	if err != nil {
		return 0, err
	}
	err = s.db.QueryRowContext(ctx, `SELECT count(*) FROM runs`+where, args...).Scan(&n)
	return n, s.failed("count runs", err)
}

// names are what a filter can name: the columns of runs, and the parameters and
// metrics that there are.
func (s *Store) names(ctx context.Context) (filter.Names, error) {
	n := filter.Names{Params: map[string]filter.Type{}, LowerIsBetter: LowerIsBetter}
	for _, c := range new(Record).columns() {
		column := filter.Column{Name: c.name}
		switch c.to.(type) {
		case *string:
			column.Type = filter.Text
		case *time.Time:
			column.Type = filter.Time
		case *bool:
			column.Type = filter.Bool
		default:
			column.Type = filter.Number
		}
		if c.name == "status" {
			column.Values = Statuses
		}
		n.Columns = append(n.Columns, column)
	}
	// From key to key in the index: the keys are few, the rows many. Numbers sort
	// before text.
	_, err := collect(ctx, s, "read the names of parameters", func(rows *sql.Rows) (struct{}, error) {
		var key, least, most string
		err := rows.Scan(&key, &least, &most)
		var t filter.Type
		for _, typ := range []string{least, most} {
			switch typ {
			case "integer", "real":
				t |= filter.Number
			case "text":
				t |= filter.Text
			}
		}
		n.Params[key] = t
		return struct{}{}, err
	}, `
		WITH RECURSIVE keys (key) AS (
			SELECT min(key) FROM params
			UNION ALL
			SELECT (SELECT min(p.key) FROM params p WHERE p.key > keys.key) FROM keys WHERE keys.key IS NOT NULL
		)
		SELECT key,
			typeof((SELECT min(value) FROM params p WHERE p.key = keys.key)),
			typeof((SELECT max(value) FROM params p WHERE p.key = keys.key))
		FROM keys WHERE key IS NOT NULL`)
	if err != nil {
		return n, err
	}
	n.Metrics, err = s.words(ctx, `
		SELECT DISTINCT name FROM summary
		UNION SELECT name FROM pragma_table_info('epochs') WHERE name NOT IN ('run_id', 'epoch') ORDER BY name`)
	return n, err
}

func (s *Store) records(ctx context.Context, query string, args ...any) ([]Record, error) {
	return collect(ctx, s, "list runs", scanRecord, query, args...)
}

// collect runs a query and scans all its rows.
func collect[T any](ctx context.Context, s *Store, doing string, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.failed(doing, err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, s.failed(doing, err)
		}
		all = append(all, v)
	}
	return all, s.failed(doing, rows.Err())
}

// Run gives the record of one run by its whole id.
func (s *Store) Run(ctx context.Context, id string) (Record, error) {
	records, err := s.records(ctx, `SELECT `+recordColumns+` FROM runs WHERE id = $1`, id)
	if err == nil && len(records) == 0 {
		err = &NotFoundError{Ref: id, Store: s.path}
	}
	if err != nil {
		return Record{}, err
	}
	return records[0], nil
}

// Config gives the resolved experiment of a run as YAML.
func (s *Store) Config(ctx context.Context, id string) (string, error) {
	var config sql.NullString
	err := s.db.QueryRowContext(ctx, `SELECT config FROM runs WHERE id = $1`, id).Scan(&config)
	return config.String, s.failed("read the experiment of run "+id, err)
}

// Summary is what became of one metric in one run. Smallest and largest are of
// finite values, at the first epoch that had them; NaN when there was none.
type Summary struct {
	Name               string
	Last               float64
	LastEpoch          int
	Min, Max           float64
	MinEpoch, MaxEpoch int
}

// Best gives the best value and its epoch: the smallest of a loss or an error,
// the largest of anything else.
func (s Summary) Best() (value float64, epoch int) {
	if LowerIsBetter(s.Name) {
		return s.Min, s.MinEpoch
	}
	return s.Max, s.MaxEpoch
}

// LowerIsBetter says so of a metric by its name: losses and errors.
func LowerIsBetter(metric string) bool {
	return strings.HasSuffix(metric, "_loss") || strings.HasSuffix(metric, "_err") || metric == "loss"
}

// idsAtOnce is how many ids a statement names; databases limit the placeholders.
const idsAtOnce = 5000

// Summaries gives the summaries of the named metrics, of all metrics when none
// is named, by run and name.
func (s *Store) Summaries(ctx context.Context, ids []string, names ...string) (map[string]map[string]Summary, error) {
	all := map[string]map[string]Summary{}
	for chunk := range slices.Chunk(ids, idsAtOnce) {
		var args []any
		query := `
			SELECT run_id, name, last, last_epoch, last_kind, min, coalesce(min_epoch, 0), max, coalesce(max_epoch, 0)
			FROM summary WHERE run_id IN (` + placeholders(&args, chunk) + `)`
		if len(names) > 0 {
			query += ` AND name IN (` + placeholders(&args, names) + `)`
		}
		_, err := collect(ctx, s, "read summaries", func(rows *sql.Rows) (struct{}, error) {
			var id, kind string
			var last, least, most *float64
			var m Summary
			err := rows.Scan(&id, &m.Name, &last, &m.LastEpoch, &kind, &least, &m.MinEpoch, &most, &m.MaxEpoch)
			m.Last, m.Min, m.Max = number(last, kind), number(least, ""), number(most, "")
			if all[id] == nil {
				all[id] = map[string]Summary{}
			}
			all[id][m.Name] = m
			return struct{}{}, err
		}, query, args...)
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Params gives the hyperparameters of a run in the order of their keys; values
// are int64, float64 or string.
func (s *Store) Params(ctx context.Context, id string) ([]Param, error) {
	return collect(ctx, s, "read parameters", func(rows *sql.Rows) (p Param, err error) {
		err = rows.Scan(&p.Key, &p.Value)
		return p, err
	}, `SELECT key, value FROM params WHERE run_id = $1 ORDER BY key`, id)
}

// ParamsOf gives the hyperparameters of runs by run and key.
func (s *Store) ParamsOf(ctx context.Context, ids []string) (map[string]map[string]any, error) {
	all := map[string]map[string]any{}
	for chunk := range slices.Chunk(ids, idsAtOnce) {
		var args []any
		query := `SELECT run_id, key, value FROM params WHERE run_id IN (` + placeholders(&args, chunk) + `)`
		_, err := collect(ctx, s, "read parameters", func(rows *sql.Rows) (struct{}, error) {
			var id, key string
			var value any
			err := rows.Scan(&id, &key, &value)
			if all[id] == nil {
				all[id] = map[string]any{}
			}
			all[id][key] = value
			return struct{}{}, err
		}, query, args...)
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// FilterNames lists what a filter can begin with: metrics with the values of them.
func (s *Store) FilterNames(ctx context.Context) ([]string, error) {
	names, err := s.names(ctx)
	return names.All(), err
}

// Point is one metric at one epoch, NaN and infinities included.
type Point struct {
	Epoch int
	Metric
}

// Metrics gives all metrics of a run in the order of epochs and names.
func (s *Store) Metrics(ctx context.Context, id string) ([]Point, error) {
	return collect(ctx, s, "read metrics", func(rows *sql.Rows) (p Point, err error) {
		var value *float64
		var kind string
		err = rows.Scan(&p.Epoch, &p.Name, &value, &kind)
		p.Value = number(value, kind)
		return p, err
	}, `SELECT epoch, name, value, kind FROM metrics WHERE run_id = $1 ORDER BY epoch, name`, id)
}

// Event is something that happened in a run.
type Event struct {
	At         time.Time
	Kind, Text string
}

// Events gives what happened in a run, first to last.
func (s *Store) Events(ctx context.Context, id string) ([]Event, error) {
	return collect(ctx, s, "read events", func(rows *sql.Rows) (e Event, err error) {
		err = rows.Scan(column{to: &e.At}, &e.Kind, &e.Text)
		return e, err
	}, `SELECT at, kind, text FROM events WHERE run_id = $1 ORDER BY id`, id)
}

// Artifact is a file that a run made.
type Artifact struct {
	Path   string // within the run's folder, or absolute
	Kind   string
	Bytes  int64
	SHA256 string
}

// Artifacts gives the files that a run recorded, by path.
func (s *Store) Artifacts(ctx context.Context, id string) ([]Artifact, error) {
	return collect(ctx, s, "read artifacts", func(rows *sql.Rows) (a Artifact, err error) {
		err = rows.Scan(&a.Path, &a.Kind, &a.Bytes, &a.SHA256)
		return a, err
	}, `SELECT path, kind, bytes, sha256 FROM artifacts WHERE run_id = $1 ORDER BY path`, id)
}

// Tags gives the labels of a run in alphabetical order.
func (s *Store) Tags(ctx context.Context, id string) ([]string, error) {
	return collect(ctx, s, "read tags", func(rows *sql.Rows) (tag string, err error) {
		err = rows.Scan(&tag)
		return tag, err
	}, `SELECT tag FROM tags WHERE run_id = $1 ORDER BY tag`, id)
}

// MetricsAt gives the metrics of one epoch by run and name; runs without that epoch
// are not in it.
func (s *Store) MetricsAt(ctx context.Context, ids []string, epoch int) (map[string]map[string]float64, error) {
	all := map[string]map[string]float64{}
	for chunk := range slices.Chunk(ids, idsAtOnce) {
		args := []any{epoch}
		query := `SELECT run_id, name, value, kind FROM metrics WHERE epoch = $1 AND run_id IN (` + placeholders(&args, chunk) + `)`
		_, err := collect(ctx, s, "read metrics", func(rows *sql.Rows) (struct{}, error) {
			var id, name, kind string
			var value *float64
			err := rows.Scan(&id, &name, &value, &kind)
			if all[id] == nil {
				all[id] = map[string]float64{}
			}
			all[id][name] = number(value, kind)
			return struct{}{}, err
		}, query, args...)
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Until gives, by run, the largest finite value of one metric and the sum of another
// over the epochs up to one; the untrained net, epoch 0, has no part in the first. Only
// runs that went on after it, or never came above their epoch 0, are looked up epoch by
// epoch.
func (s *Store) Until(ctx context.Context, ids []string, epoch int, largest, sum string) (most, total map[string]float64, err error) {
	most, total = map[string]float64{}, map[string]float64{}
	for _, find := range []struct {
		into         map[string]float64
		name         string
		column, made string // in summary; over metrics
		untrained    string // whether epoch 0 is not in the way
	}{{most, largest, "max", "max(value) FILTER (WHERE epoch > 0)", "max_epoch > 0"}, {total, sum, "total", "sum(value)", "true"}} {
		for chunk := range slices.Chunk(ids, idsAtOnce) {
			args := []any{epoch, find.name}
			among := placeholders(&args, chunk)
			query := `
				SELECT run_id, CASE WHEN last_epoch <= $1 AND ` + find.untrained + ` THEN ` + find.column + ` ELSE (
					SELECT ` + find.made + ` FROM metrics m WHERE m.run_id = summary.run_id AND m.name = $2 AND m.epoch <= $1) END
				FROM summary WHERE name = $2 AND run_id IN (` + among + `)`
			_, err := collect(ctx, s, "read metrics", func(rows *sql.Rows) (struct{}, error) {
				var id string
				var value *float64
				err := rows.Scan(&id, &value)
				if value != nil {
					find.into[id] = *value
				}
				return struct{}{}, err
			}, query, args...)
			if err != nil {
				return nil, nil, err
			}
		}
	}
	return most, total, nil
}
