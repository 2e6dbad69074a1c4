package runner

import "context"

// Metric is a measured value of an epoch; it may be NaN or infinite.
type Metric struct {
	Name  string
	Value float64
}

// Epoch is what is known at the end of an epoch. Epoch 0 is the untrained net.
type Epoch struct {
	N       int
	Metrics []Metric
}

// Get finds a metric by its name.
func (e Epoch) Get(name string) (float64, bool) {
	for _, m := range e.Metrics {
		if m.Name == name {
			return m.Value, true
		}
	}
	return 0, false
}

// Recorder keeps what happens in a run. What it was given is safe when it returns.
type Recorder interface {
	Epoch(ctx context.Context, e Epoch) error
	Artifact(ctx context.Context, kind, path string) error
}

// DataRecorder is a Recorder that is also told which data the run reads, by their hash, as soon as they are read.
type DataRecorder interface {
	Recorder
	Data(ctx context.Context, hash string) error
}

// EventRecorder is a Recorder that is also told what happened, such as an early stop: a kind of event and a sentence.
type EventRecorder interface {
	Recorder
	Event(ctx context.Context, kind, text string) error
}

// Progress is told of every step; it must be quick. Phase is "train", "validate", "validate the average" or "clean".
type Progress interface {
	Step(s Step)
	Epoch(e Epoch)
}

// Step is the state of a run after a batch.
type Step struct {
	Phase             string
	Epoch, Epochs     int
	Step, Steps       int     // of the epoch
	Loss, Acc         float64 // running means over the epoch
	LR                float64
	ExamplesPerSecond float64 // over the epoch so far
}

// quiet records and shows nothing.
type quiet struct{}

func (quiet) Epoch(Epoch) {}
func (quiet) Step(Step)   {}

type unrecorded struct{}

func (unrecorded) Epoch(context.Context, Epoch) error             { return nil }
func (unrecorded) Artifact(context.Context, string, string) error { return nil }
