package tracking

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTagsAreAddedAndRemovedAtOnce(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "exp.db"))
	a, b := start(t, s, NewRun{Tags: []string{"x"}}), start(t, s, NewRun{})
	n, err := s.Tag(ctx, []string{a.ID, b.ID}, []string{"y", "z"}, []string{"x", "never"})
	ok(t, err)
	if n != 5 {
		t.Errorf("%d changed, not 5", n)
	}
	if runs, err := s.List(ctx, Filter{Where: "tag = y and tag = z and not tag = x"}); err != nil || len(runs) != 2 {
		t.Errorf("%d runs, %v", len(runs), err)
	}
	if _, err := s.Tag(ctx, []string{b.ID, "nothing"}, []string{"w"}, nil); err == nil {
		t.Error("a run that is not there was tagged")
	}
	if runs, _ := s.List(ctx, Filter{Where: "tag = w"}); len(runs) != 0 {
		t.Error("half of it was done")
	}
}

func TestTheTrashKeepsRunsUntilTheyAreDeleted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "exp.db")
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	s, err := Open(ctx, path, Env{Host: "here", Now: func() time.Time { now = now.Add(time.Second); return now }})
	ok(t, err)
	defer s.Close()
	record := func(r *Run) Record {
		t.Helper()
		record, err := s.Run(ctx, r.ID)
		ok(t, err)
		return record
	}
	a, kept, running := start(t, s, NewRun{Name: "a"}), start(t, s, NewRun{Name: "kept", Tags: []string{Keep}}), start(t, s, NewRun{Name: "running"})
	ok(t, a.Epoch(ctx, 0, []Metric{{"val_acc", 0.9}}))
	ok(t, a.Finish(ctx, Done, nil))
	ok(t, kept.Finish(ctx, Done, nil))
	child := start(t, s, NewRun{Name: "child", ParentID: a.ID})
	ok(t, child.Finish(ctx, Done, nil))

	var protected *ProtectedError
	for _, r := range []*Run{running, kept} {
		if err := s.Trash(ctx, []Record{record(a), record(r)}, false); !errors.As(err, &protected) || protected.Runs[0].ID != r.ID {
			t.Errorf("the error is %v", err)
		}
	}
	ok(t, s.Trash(ctx, []Record{record(a)}, false))
	seen := func(f Filter) int {
		t.Helper()
		runs, err := s.List(ctx, f)
		ok(t, err)
		return len(runs)
	}
	if seen(Filter{}) != 3 || seen(Filter{Trashed: true}) != 1 || seen(Filter{Where: "val_acc.last > 0"}) != 0 {
		t.Error("a removed run is still listed")
	}
	if seen(Filter{IDs: []string{a.ID, kept.ID}}) != 1 || seen(Filter{IDs: []string{}}) != 0 {
		t.Error("other runs are listed than those that were asked for")
	}
	for _, ref := range []string{"a", a.ID, a.ID[:8], "@best:val_acc", "@last-3"} {
		if runs, err := s.Find(ctx, ref); err == nil && runs[0].ID == a.ID {
			t.Errorf("%s finds a removed run", ref)
		}
	}
	ok(t, s.Restore(ctx, []Record{record(a)}))
	if seen(Filter{}) != 4 {
		t.Error("the run was not restored")
	}

	ok(t, s.Trash(ctx, []Record{record(a)}, false))
	cut := now
	if old, err := s.Old(ctx, cut.Add(-time.Hour)); err != nil || len(old) != 0 {
		t.Errorf("%d old runs, %v", len(old), err)
	}
	old, err := s.Old(ctx, cut.Add(time.Hour))
	ok(t, err)
	if len(old) != 1 || old[0].ID != a.ID {
		t.Fatalf("old are %v", old)
	}
	if n, err := s.Bytes(a.ID); err != nil || n != 0 {
		t.Errorf("%d bytes, %v", n, err)
	}
	busy, err := lock(a.Dir) // as by a process that goes on with it in a copy of the store
	ok(t, err)
	deleted, err := s.Delete(ctx, old)
	if len(deleted) != 0 || err == nil || !strings.Contains(err.Error(), "run "+a.ID+" is left: a process works in its folder") {
		t.Errorf("while a process works in its folder: deleted %v, %v", deleted, err)
	}
	busy.Close()
	deleted, err = s.Delete(ctx, append(old, record(child))) // child is not in the trash
	ok(t, err)
	if len(deleted) != 1 || deleted[0] != a.ID || seen(Filter{}) != 3 || record(child).ParentID != "" {
		t.Errorf("deleted %v; the child's parent is %q", deleted, record(child).ParentID)
	}
	if _, err := os.Stat(a.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder: %v", err)
	}
	got, err := s.Query(ctx, `SELECT count(*) FROM metrics`)
	ok(t, err)
	if got.Rows[0][0] != int64(0) {
		t.Error("its metrics are left")
	}
}
