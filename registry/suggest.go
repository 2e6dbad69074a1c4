package registry

import (
	"fmt"
	"slices"
	"strings"
)

// suggest returns `; did you mean "name"?` for the name that is nearest to what was written, or "".
func suggest(written string, names []string) string {
	if name := Nearest(written, names); name != "" {
		return fmt.Sprintf("; did you mean %q?", name)
	}
	return ""
}

// Nearest returns the name that was probably meant by what was written: its abbreviation or long form ("learning_rate"
// for lr, "batch_size" for batch), or one at most max(2, a third of its length) mistypings away; "" when there is none.
func Nearest(written string, names []string) string {
	nearest, least := "", max(2, len(written)/3)+1
	lower := strings.ToLower(written)
	for _, name := range names {
		edits := distance(lower, strings.ToLower(name))
		switch {
		case written == "":
			continue
		case initials(lower) == name, initials(name) == lower, strings.HasPrefix(lower, name+"_"), strings.HasPrefix(name, lower+"_"):
			edits = min(edits, 1)
		case edits >= max(len(lower), len(name)): // nothing in common
			continue
		}
		if edits < least {
			nearest, least = name, edits
		}
	}
	return nearest
}

// initials of "learning_rate" are "lr"; a single word has none.
func initials(s string) string {
	words := strings.FieldsFunc(s, func(c rune) bool { return c == '_' || c == '-' || c == ' ' })
	if len(words) < 2 {
		return ""
	}
	var b strings.Builder
	for _, w := range words {
		b.WriteString(w[:1])
	}
	return b.String()
}

// distance counts the insertions, deletions, replacements and swaps of neighbours that turn a into b (Damerau 1964, in
// the form that edits no piece twice).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func sortedList(names []string) string {
	return strings.Join(slices.Sorted(slices.Values(names)), ", ")
}
