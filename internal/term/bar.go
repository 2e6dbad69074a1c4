package term

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Bar is one line of a terminal that shows how far a job is; it is drawn anew in
// its place, at most ten times a second.
type Bar struct {
	w     io.Writer
	bar   *progressbar.ProgressBar
	total int64
}

// NewBar makes a bar that draws nothing yet. w must be a terminal.
func NewBar(w io.Writer) *Bar { return &Bar{w: w} }

const (
	barColumns  = 20                     // of the bar alone; less where the line would not fit
	barMargin   = 11                     // columns for the percentage and the ends of the bar
	barInterval = 100 * time.Millisecond // between two drawings
	dumbColumns = 80                     // of a terminal that does not tell
)

// Set shows done of total, and a text after the bar. A job that is done is not
// shown any more.
func (b *Bar) Set(done, total int64, text string) {
	if total <= 0 {
		return
	}
	if b.bar == nil || b.total != total {
		b.Clear()
		b.total = total
		b.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(b.w),
			progressbar.OptionSetWidth(barColumns),
			progressbar.OptionShowDescriptionAtLineEnd(),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionUseANSICodes(true),
			progressbar.OptionThrottle(barInterval),
			progressbar.OptionClearOnFinish(),
		)
	}
	b.bar.Describe(cut(text, columns(b.w)-barMargin))
	b.bar.Set64(min(done, total))
	if done >= total {
		b.Clear()
	}
}

// Clear removes the line, so that text can be written.
func (b *Bar) Clear() {
	if b.bar != nil {
		b.bar.Clear()
		b.bar = nil
	}
}

// cut shortens a text to so many characters.
func cut(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:max(0, n)])
	}
	return text
}

// columns is the width of a terminal.
func columns(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return dumbColumns
}
