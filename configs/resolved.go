package configs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"exp/internal/source"
	"exp/registry"
)

// YAML gives the resolved experiment, with every default filled in; read again, it is the same experiment. With diff,
// the lines that differ from its base begin with "- " (the base) and "+ " (this one), all others with two spaces. The
// base is what the file extends; for a file that extends nothing, the file itself without the command line's changes.
func (l *Loaded) YAML(diff bool) string {
	text := source.Write(resolved(l.Experiment))
	if !diff {
		return text
	}
	return lineDiff(source.Write(resolved(l.base)), text)
}

// resolved is the tree of an experiment in the form that people write: what stages share stands at the model.
func resolved(e Experiment) *source.Node {
	tree := registry.Encode(e)
	model := tree.Get("model")
	for _, key := range []string{"units", "unit"} {
		shared, used := model.Get(key), false
		for i, stage := range model.Get("stages").Items {
			own := stage.Get(key)
			if own == nil || shared != nil && source.Inline(own) == source.Inline(shared) {
				used = true
				model.Get("stages").Items[i] = without(stage, key)
			}
		}
		if !used {
			drop(model, key)
		}
	}
	for _, stage := range model.Get("stages").Items {
		if stage.Get("name").Value == "" {
			drop(stage, "name")
		}
	}
	return tree
}

// canonical is the tree of an experiment in the form that is hashed: every stage in full, whichever way it was written.
func canonical(e Experiment) *source.Node {
	tree := registry.Encode(e)
	drop(tree.Get("model"), "units")
	drop(tree.Get("model"), "unit")
	return tree
}

// Hash is the SHA-256 of the resolved experiment, in hexadecimal: two files with the same hash are the same experiment.
func (l *Loaded) Hash() string { return hash(canonical(l.Experiment)) }

// GroupHash is the hash without the seed and the names: runs of one group repeat one another with other seeds.
func (l *Loaded) GroupHash() string {
	tree := canonical(l.Experiment)
	drop(tree, "name")
	drop(tree, "seed")
	for _, stage := range tree.Get("model").Get("stages").Items {
		drop(stage, "name")
	}
	return hash(tree)
}

func hash(tree *source.Node) string {
	sum := sha256.Sum256([]byte(source.Write(tree)))
	return hex.EncodeToString(sum[:])
}

func drop(n *source.Node, key string) {
	n.Pairs = slices.DeleteFunc(n.Pairs, func(p source.Pair) bool { return p.Key == key })
}

// Param is one value of an experiment.
type Param struct {
	Key   string // dotted path: "optimizer.lr"; something picked by name has its name under its own path: "optimizer"
	Value any    // int64, float64, bool or string
}

// Params lists every value of the resolved experiment, in the order of YAML.
func (l *Loaded) Params() []Param {
	var all []Param
	flatten(resolved(l.Experiment), "", &all)
	return all
}

func flatten(n *source.Node, path string, all *[]Param) {
	for _, pair := range n.Pairs {
		at := strings.TrimPrefix(path+"."+pair.Key, ".")
		if pair.Key == "type" {
			at = path
		}
		flatten(pair.Value, at, all)
	}
	for i, item := range n.Items {
		flatten(item, fmt.Sprintf("%s.%d", path, i), all)
	}
	if n.Kind != source.Map && n.Kind != source.List {
		*all = append(*all, Param{path, scalar(n)})
	}
}

// scalar is the Go value of a node that was encoded from one.
func scalar(n *source.Node) any {
	switch n.Kind {
	case source.Int:
		if i, err := n.Int(); err == nil {
			return i
		}
	case source.Float:
		if f, err := n.Float(); err == nil {
			return f
		}
	case source.Bool:
		if b, err := strconv.ParseBool(n.Value); err == nil {
			return b
		}
	}
	return n.Value
}

// maxDiff is the product of two texts' lines up to which they are compared line by line: 4000 lines each.
const maxDiff = 16_000_000

// lineDiff marks what turns the lines of a into those of b, by their longest common subsequence.
func lineDiff(a, b string) string {
	x, y := strings.SplitAfter(a, "\n"), strings.SplitAfter(b, "\n")
	if len(x)*len(y) > maxDiff {
		return "- " + strings.Join(x[:len(x)-1], "- ") + "+ " + strings.Join(y[:len(y)-1], "+ ")
	}
	common := make([][]int, len(x)+1) // common[i][j]: lines that x[i:] and y[j:] share
	for i := range common {
		common[i] = make([]int, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			common[i][j] = max(common[i+1][j], common[i][j+1])
			if x[i] == y[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	var out strings.Builder
	i, j := 0, 0
	for i < len(x) || j < len(y) {
		switch {
		case i < len(x) && j < len(y) && x[i] == y[j]:
			mark(&out, "  ", x[i])
			i, j = i+1, j+1
		case j == len(y) || i < len(x) && common[i+1][j] >= common[i][j+1]:
			mark(&out, "- ", x[i])
			i++
		default:
			mark(&out, "+ ", y[j])
			j++
		}
	}
	return out.String()
}

func mark(b *strings.Builder, with, line string) {
	if line != "" {
		b.WriteString(with + line)
	}
}
