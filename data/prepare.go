package data

import (
	"context"
	"errors"
)

// Prepared is the data of an experiment, ready to be served.
type Prepared struct {
	Train, Val *Source
	Info       Info   // of the whole data set
	Hash       string // of the whole data set
}

// Prepare loads the data set of an experiment, splits off what it is validated on, and normalises.
// The same config, seed and files give the same examples.
func Prepare(ctx context.Context, cfg Config, seed int64, env Env) (*Prepared, error) {
	return nil, errors.New("data: not there yet")
}
