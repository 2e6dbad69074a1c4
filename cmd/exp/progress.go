package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"exp/internal/term"
	"exp/runner"
	"exp/runner/metric"
)

// progress shows a run to a person: a line per epoch, and on a terminal a bar
// below them and the loss curve at the end.
type progress struct {
	w      io.Writer
	bar    *term.Bar // nil without a terminal
	color  bool
	now    func() time.Time
	epochs int // planned
	every  int // so many epochs an evaluation

	began  time.Time       // of the epoch under way
	took   []time.Duration // the epochs before, their evaluations included: the last of them, up to the next evaluation
	losses [2][]float64    // train and validation
}

func newProgress(a *app, epochs, every int) *progress {
	p := &progress{w: a.err, color: a.color(a.errTTY), now: a.now, epochs: epochs, every: every, began: a.now()}
	if a.errTTY && a.getenv("TERM") != "dumb" {
		p.bar = term.NewBar(a.err)
	}
	return p
}

// say writes a line above the bar.
func (p *progress) say(format string, args ...any) {
	p.clear()
	fmt.Fprintf(p.w, format+"\n", args...)
}

func (p *progress) clear() {
	if p.bar != nil {
		p.bar.Clear()
	}
}

// Step implements runner.Progress.
func (p *progress) Step(s runner.Step) {
	if p.bar == nil {
		return
	}
	text := fmt.Sprintf("%d/%d %s  %.0f images/s  loss %.3f  acc %.3f", s.Epoch, s.Epochs, s.Phase, s.ExamplesPerSecond, s.Loss, s.Acc)
	if left, ok := p.left(s); ok {
		text += "  " + clock(left) + " left"
	}
	p.bar.Set(int64(s.Step), int64(s.Steps), text)
}

// left is the time that the run still needs, if its epochs take as long as the
// last one, or as the last ones did of which one was evaluated; within the first
// epoch, as long as its training steps have shown.
func (p *progress) left(s runner.Step) (time.Duration, bool) {
	if s.Epoch == 0 {
		return 0, false
	}
	elapsed := p.now().Sub(p.began)
	whole := elapsed
	if n := len(p.took); n > 0 {
		whole = 0
		for _, d := range p.took {
			whole += d / time.Duration(n)
		}
	} else if s.Phase == "train" {
		whole = elapsed * time.Duration(s.Steps) / time.Duration(s.Step)
	}
	return time.Duration(s.Epochs-s.Epoch)*whole + max(0, whole-elapsed), true
}

// clock writes a time as 0:07, 12:30 or 1:02:30.
func clock(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// epochMetrics are those of an epoch's line, and how they are written.
var epochMetrics = []struct{ name, format string }{
	{metric.TrainLoss, "train_loss %.4f"}, {metric.TrainAcc, "train_acc %.4f"},
	{metric.ValLoss, "val_loss %.4f"}, {metric.ValAcc, "val_acc %.4f"},
	{metric.TTAValAcc, "tta_val_acc %.4f"}, {metric.EMAValAcc, "ema_val_acc %.4f"}, {metric.EMATTAValAcc, "ema_tta_val_acc %.4f"},
	{metric.CleanTrainErr, "clean_train_err %.4f"}, {metric.ExamplesPerSecond, "%.0f images/s"},
}

// Epoch implements runner.Progress.
func (p *progress) Epoch(e runner.Epoch) {
	now := p.now()
	took := now.Sub(p.began)
	line := []string{fmt.Sprintf("epoch %*d/%d", len(fmt.Sprint(p.epochs)), e.N, p.epochs)}
	for _, m := range epochMetrics {
		if v, ok := e.Get(m.name); ok {
			line = append(line, fmt.Sprintf(m.format, v))
		}
	}
	if e.N > 0 {
		p.took = append(p.took, took)
		p.took = p.took[max(0, len(p.took)-p.every):]
	}
	p.began = now
	p.say("%s", strings.Join(append(line, term.Duration(took.Seconds())), "  "))
	for i, name := range []string{metric.TrainLoss, metric.ValLoss} {
		if v, ok := e.Get(name); ok {
			p.losses[i] = extend(p.losses[i], e.N, v)
		}
	}
}

// extend gives a curve its value at an epoch. Epochs between it and the value before
// lie on the line between the two, those before the first value nowhere.
func extend(curve []float64, epoch int, v float64) []float64 {
	from, last := len(curve)-1, math.NaN()
	if from >= 0 {
		last = curve[from]
	}
	for n := from + 1; n < epoch; n++ {
		curve = append(curve, last+(v-last)*float64(n-from)/float64(epoch-from))
	}
	return append(curve, v)
}

// download shows how far the data have come.
func (p *progress) download(what string, done, total int64) {
	if p.bar != nil {
		p.bar.Set(done, total, fmt.Sprintf("%s  %d of %d MB", what, done/1e6, total/1e6))
	}
}

// end leaves the lines of the run and, on a terminal, its loss curve.
func (p *progress) end() {
	p.clear()
	if p.bar == nil {
		return
	}
	for i := range p.losses { // of an interrupted run, one may be shorter
		for len(p.losses[i]) < max(len(p.losses[0]), len(p.losses[1])) {
			p.losses[i] = append(p.losses[i], math.NaN())
		}
	}
	fmt.Fprint(p.w, term.Plot("loss by epoch", []term.Curve{
		{Name: metric.TrainLoss, Values: p.losses[0]}, {Name: metric.ValLoss, Values: p.losses[1]},
	}, p.color))
}
