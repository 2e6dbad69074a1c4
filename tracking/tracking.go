// Package tracking is the store of runs: what was tried, what came out at every
// epoch, and whether the process that does it still lives.
//
// The store is one SQLite file; a run's own files are in the folder beside it
// that is called like the run's id. All SQL of the project is in this package.
// Writers hold one connection a process and begin every transaction IMMEDIATE;
// readers are read-only and never make a writer wait. Every epoch is one
// committed transaction: nothing waits in a buffer.
package tracking

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Env is what the store has to know of the world around it.
type Env struct {
	Host string           // this computer's name: a run's lock can be looked at only on its own host
	Now  func() time.Time // the clock
}

// Status of a run, as in the column runs.status.
const (
	Queued      = "queued"
	Running     = "running"
	Done        = "done"
	Failed      = "failed"
	Diverged    = "diverged"
	Interrupted = "interrupted"
	Pruned      = "pruned"

	// Unknown is never stored: it is what a look shows for a run that is
	// recorded as running where its lock cannot be seen, on another host or
	// with its folder gone.
	Unknown = "unknown"
)

// Statuses lists what a run's status can be seen as.
var Statuses = []string{Queued, Running, Done, Failed, Diverged, Interrupted, Pruned, Unknown}

// Metric is one number of one epoch; NaN and the infinities are kept as such.
type Metric struct {
	Name  string
	Value float64
}

// Param is one hyperparameter: its dotted path in the experiment and its value,
// an int64, float64, string or bool (stored as the text true or false).
type Param struct {
	Key   string
	Value any
}

// LayerStat is one number about one layer at one epoch.
type LayerStat struct {
	Layer    string
	Position int // of the layer, from the input on
	Name     string
	Value    float64
}

// UnavailableError: the store cannot be opened, is of another program or of a
// newer version, or stays locked.
type UnavailableError struct {
	Path string
	Err  error
}

// Error is what was being done and why it could not be.
func (e *UnavailableError) Error() string { return fmt.Sprintf("store %s: %v", e.Path, e.Err) }

// Unwrap gives the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

// NotFoundError: no run answers to a reference.
type NotFoundError struct {
	Ref   string
	Store string
	Why   string   // what was looked for, when it is not an id or a name
	Names []string // what would have been found instead
}

// Error names what was not found.
func (e *NotFoundError) Error() string {
	if e.Why != "" {
		return fmt.Sprintf("%s: %s in %s", e.Ref, e.Why, e.Store)
	}
	return fmt.Sprintf("no run %q in %s", e.Ref, e.Store)
}

// AmbiguousError: the start of an id fits several runs.
type AmbiguousError struct {
	Ref        string
	Candidates []Record
}

// Error names what could be meant.
func (e *AmbiguousError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q is the start of %d ids; write more of it:", e.Ref, len(e.Candidates))
	for _, r := range e.Candidates {
		fmt.Fprintf(&b, "\n  %s  %s  %s", r.ID, r.Name, r.Status)
	}
	return b.String()
}

// stored splits a number into what the value and kind columns hold.
func stored(v float64) (value any, kind string) {
	switch {
	case math.IsNaN(v):
		return nil, "nan"
	case math.IsInf(v, 1):
		return nil, "+inf"
	case math.IsInf(v, -1):
		return nil, "-inf"
	}
	return v, "finite"
}

// number is the inverse of stored.
func number(value *float64, kind string) float64 {
	switch {
	case kind == "+inf":
		return math.Inf(1)
	case kind == "-inf":
		return math.Inf(-1)
	case value == nil:
		return math.NaN()
	}
	return *value
}

// timeLayout is UTC with milliseconds: sorts as text.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Timestamp is a time as the store holds it, in UTC with milliseconds.
func Timestamp(t time.Time) string { return t.UTC().Format(timeLayout) }
