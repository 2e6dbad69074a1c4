package tracking

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
)

// Find gives the runs that a reference stands for: an id, a name (all runs of
// that name, the newest first), the start of an id, @last, @last-N (N runs
// before the last), or @best:METRIC. It gives at least one run or an error of
// type *NotFoundError or *AmbiguousError.
func (s *Store) Find(ctx context.Context, ref string) ([]Record, error) {
	return s.find(ctx, ref, false)
}

// FindTrashed is Find among the runs in the trash.
func (s *Store) FindTrashed(ctx context.Context, ref string) ([]Record, error) {
	return s.find(ctx, ref, true)
}

func (s *Store) find(ctx context.Context, ref string, trashed bool) ([]Record, error) {
	if strings.HasPrefix(ref, "@") {
		return s.findSpecial(ctx, ref, trashed)
	}
	trash := inTrash(trashed)
	found, err := s.records(ctx, `SELECT `+recordColumns+` FROM runs WHERE (id = $1 OR name = $1) AND `+trash+newestFirst, ref)
	if err != nil {
		return nil, err
	}
	for _, r := range found {
		if r.ID == ref {
			return []Record{r}, nil
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	// Ids hold no upper-case letters and nothing that LIKE would take for a pattern.
	if start := strings.ToLower(ref); start != "" && strings.Trim(start, idDigits) == "" {
		found, err = s.records(ctx, `SELECT `+recordColumns+` FROM runs WHERE id LIKE $1 AND `+trash+newestFirst, start+"%")
		switch {
		case err != nil:
			return nil, err
		case len(found) == 1:
			return found, nil
		case len(found) > 1:
			return nil, &AmbiguousError{Ref: ref, Candidates: found}
		}
	}
	names, err := s.words(ctx, `SELECT DISTINCT name FROM runs WHERE `+trash+` ORDER BY name`)
	if err != nil {
		return nil, err
	}
	ids, err := s.words(ctx, `SELECT id FROM runs WHERE `+trash+newestFirst)
	if err != nil {
		return nil, err
	}
	return nil, &NotFoundError{Ref: ref, Store: s.path, Names: append(names, ids...)}
}

func (s *Store) findSpecial(ctx context.Context, ref string, trashed bool) ([]Record, error) {
	word, metric, best := strings.Cut(ref, ":")
	if best && word == "@best" {
		return s.findBest(ctx, ref, metric, trashed)
	}
	back := 0
	if ref != "@last" {
		n, err := strconv.Atoi(strings.TrimPrefix(ref, "@last-"))
		if err != nil || n < 0 {
			return nil, &NotFoundError{Ref: ref, Store: s.path, Why: "neither @last, @last-N nor @best:METRIC; there is no such run"}
		}
		back = n
	}
	found, err := s.records(ctx, `SELECT `+recordColumns+` FROM runs WHERE `+inTrash(trashed)+newestFirst+` LIMIT 1 OFFSET $1`, back)
	if err != nil || len(found) > 0 {
		return found, err
	}
	count, err := s.Count(ctx, Filter{Trashed: trashed})
	if err != nil {
		return nil, err
	}
	return nil, &NotFoundError{Ref: ref, Store: s.path, Why: "there are only " + strconv.Itoa(count) + " runs"}
}

func (s *Store) findBest(ctx context.Context, ref, metric string, trashed bool) ([]Record, error) {
	column, order := "max", "DESC"
	if LowerIsBetter(metric) {
		column, order = "min", "ASC"
	}
	query := fmt.Sprintf(`
		SELECT run_id FROM summary JOIN runs ON runs.id = run_id AND %[3]s
		WHERE summary.name = $1 AND %[1]s IS NOT NULL ORDER BY %[1]s %[2]s, run_id LIMIT 1`, column, order, inTrash(trashed))
	id, err := s.words(ctx, query, metric)
	if err != nil {
		return nil, err
	}
	if len(id) > 0 {
		r, err := s.Run(ctx, id[0])
		return []Record{r}, err
	}
	metrics, err := s.words(ctx, `SELECT DISTINCT '@best:' || name FROM summary ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	return nil, &NotFoundError{Ref: ref, Store: s.path, Why: "no run has a metric " + strconv.Quote(metric), Names: metrics}
}

// words gives the one text column of a query.
func (s *Store) words(ctx context.Context, query string, args ...any) ([]string, error) {
	return collect(ctx, s, "look for runs", func(rows *sql.Rows) (w string, err error) {
		err = rows.Scan(&w)
		return w, err
	}, query, args...)
}
