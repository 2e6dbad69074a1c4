package term

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// screen is what a terminal shows after some output: lines ended by \n, and the
// line that is drawn over again.
func screen(t *testing.T, text string) (lines []string, line string) {
	t.Helper()
	for _, r := range strings.NewReplacer("\x1b[2K", "\x01", "\x1b[0K", "\x02").Replace(text) {
		switch r {
		case '\n':
			lines, line = append(lines, line), ""
		case '\x01':
			line = ""
		case '\r', '\x02': // what follows replaces the line as a whole
			if r == '\r' {
				line = ""
			}
		case '\x1b':
			t.Fatalf("an escape code that is not known: %q", text)
		default:
			line += string(r)
		}
	}
	return lines, line
}

func TestBar(t *testing.T) {
	var out strings.Builder
	b := NewBar(&out)
	b.Clear()
	b.Set(1, 0, "of nothing")
	if out.Len() != 0 {
		t.Errorf("drew %q", &out)
	}

	b.Set(1, 4, "1/5 train")
	if _, line := screen(t, out.String()); !strings.Contains(line, "% |") || !strings.Contains(line, "1/5 train") {
		t.Errorf("shows %q", line)
	}
	if strings.Contains(out.String(), "\n") {
		t.Errorf("more than one line: %q", &out)
	}

	before := out.Len()
	for range 1000 {
		b.Set(2, 4, "1/5 train")
	}
	if out.Len()-before > 2000 {
		t.Errorf("a thousand steps in a moment drew %d bytes", out.Len()-before)
	}

	b.Clear()
	out.WriteString("a line\n")
	b.Set(1, 4, "2/5 train")
	lines, line := screen(t, out.String())
	if len(lines) != 1 || lines[0] != "a line" || !strings.Contains(line, "2/5 train") {
		t.Errorf("shows %q and %q", lines, line)
	}

	b.Set(4, 4, "2/5 train")
	if _, line := screen(t, out.String()); line != "" {
		t.Errorf("what is done still shows %q", line)
	}

	out.Reset()
	b.Set(1, 3, strings.Repeat("long ", 100))
	if _, line := screen(t, out.String()); len([]rune(line)) > dumbColumns+barColumns {
		t.Errorf("a line of %d characters", len([]rune(line)))
	}
}

func TestPlot(t *testing.T) {
	nan := math.NaN()
	down := Curve{Name: "train_loss", Values: []float64{nan, 2, 1.5, 1.2}}
	flat := Curve{Name: "val_loss", Values: []float64{2.3, 2, math.Inf(1), 1.9}}
	var many []Curve
	for i, group := range "aaaabbc" {
		many = append(many, Curve{Name: fmt.Sprint(string(group), i), Group: string(group), Values: []float64{1, 2}})
	}
	for _, c := range []struct {
		name     string
		curves   []Curve
		color    bool
		has, not string
	}{
		{"marks tell curves apart", []Curve{down, flat}, false, "loss   * train_loss   o val_loss\n", "\x1b"},
		{"or colours", []Curve{down, flat}, true, "\x1b[94m", "loss   *"},
		{"the scale is that of finite values", []Curve{flat}, false, " 2.300 ┼*", "Inf"},
		{"one value is no curve", []Curve{{Name: "train_loss", Values: []float64{nan, 2}}, flat}, false, "loss   * val_loss\n", "train_loss"},
		{"groups take turns", many, false, "loss   * a0   o a1   + b4   x c6\n", "b5"},
		{"of one group, the first", many[:4], false, "* a0   o a1   + a2   x a3\n", "b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Plot("loss", c.curves, c.color)
			if !strings.Contains(got, c.has) || strings.Contains(got, c.not) {
				t.Errorf("drew\n%s", got)
			}
		})
	}
	if got := Plot("loss", []Curve{{Name: "train_loss", Values: []float64{nan, nan}}, {}}, true); got != "" {
		t.Errorf("drew nothing as %q", got)
	}
}
