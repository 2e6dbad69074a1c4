package configs

import (
	"embed"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"exp/internal/source"
	"exp/registry"
)

//go:embed *.yaml
var shipped embed.FS

// Shipped lists the names of the experiments that are part of the program, sorted.
func Shipped() []string {
	entries, err := shipped.ReadDir(".")
	if err != nil {
		return nil // the root of an embedded folder can always be read
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	slices.Sort(names)
	return names
}

// shippedName is the name that a path would have among the shipped experiments.
func shippedName(path string) string {
	return strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(filepath.Clean(path)), "configs/"), ".yaml")
}

// open reads a file, or the shipped experiment of that name when there is no such file.
func (l *loader) open(path string) (*source.File, error) {
	text, err := l.read(path)
	if err != nil {
		name := shippedName(path)
		own, missing := shipped.ReadFile(name + ".yaml")
		if missing != nil {
			return nil, err
		}
		text, path = own, "configs/"+name+".yaml"
	}
	f := source.NewFile(path, string(text))
	f.Order = l.order
	l.order++
	return f, nil
}

// main reads the experiment's own file and all that it inherits. The second result is what it inherits, nil if nothing.
func (l *loader) main(path string) (tree, base *source.Node) {
	f, err := l.open(path)
	if err != nil {
		l.noSuch(source.Span{File: source.NewFile(path, "")}, "", path, err, nil)
		return nil, nil
	}
	return l.inherit(f, []string{f.Name})
}

// inherit parses a file and merges it over its bases. Chain holds the names of the files that led here, and this one's.
func (l *loader) inherit(f *source.File, chain []string) (tree, base *source.Node) {
	own := source.Parse(f, l.p)
	if own == nil {
		return nil, nil
	}
	if own.Kind != source.Map {
		l.p.Addf(own.Span, "", "an experiment is a map (name, data, model, ...), not %s", own.Kind)
		return nil, nil
	}
	extends := own.Get("extends")
	if extends == nil {
		return l.misspelt(own), nil
	}
	own = without(own, "extends")
	refs := []*source.Node{extends}
	if extends.Kind == source.List {
		refs = extends.Items
	}
	for _, ref := range refs {
		if ref.Kind != source.Text {
			l.p.Addf(ref.Span, "extends", "the name of a file goes here, not %s", ref.Written())
			continue
		}
		next := l.base(ref, f.Name, chain)
		if next == nil {
			l.incomplete = true
			continue
		}
		if base != nil {
			l.conflicts(base, next, "")
		}
		base = merge(base, next)
	}
	return merge(base, own), base
}

// misspelt takes the keys out of a file that probably mean `extends`, which the decoder does not know.
func (l *loader) misspelt(own *source.Node) *source.Node {
	for _, pair := range own.Pairs {
		if registry.Nearest(pair.Key, []string{"extends"}) != "" {
			l.p.Addf(pair.At, pair.Key, "unknown key; did you mean %q?", "extends")
			l.incomplete = true
			own = without(own, pair.Key)
		}
	}
	return own
}

// base reads one file that `extends` names.
func (l *loader) base(ref *source.Node, from string, chain []string) *source.Node {
	path := ref.Value
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(from), path)
	}
	f, err := l.open(path)
	if err != nil {
		f, err = l.open(shippedName(ref.Value)) // a shipped experiment, from any folder
	}
	if err != nil {
		l.noSuch(ref.Span, "extends", path, err, chain)
		return nil
	}
	if tree, known := l.files[f.Name]; known {
		return tree
	}
	if slices.Contains(chain, f.Name) {
		l.p.Addf(ref.Span, "extends", "a file cannot inherit from itself: %s", strings.Join(append(chain, f.Name), " -> "))
		return nil
	}
	tree, _ := l.inherit(f, append(slices.Clone(chain), f.Name))
	l.files[f.Name] = tree
	return tree
}

// conflicts reports the keys that two bases of one list both set. What both inherit from one place is no conflict.
func (l *loader) conflicts(a, b *source.Node, path string) {
	for _, pb := range b.Pairs {
		i := slices.IndexFunc(a.Pairs, func(pa source.Pair) bool { return pa.Key == pb.Key })
		if i < 0 || a.Pairs[i].Value.Span == pb.Value.Span {
			continue
		}
		pa, at := a.Pairs[i], strings.TrimPrefix(path+"."+pb.Key, ".")
		if pa.Value.Kind == source.Map && pb.Value.Kind == source.Map && !pb.Value.Replace {
			l.conflicts(pa.Value, pb.Value, at)
			continue
		}
		l.p.Add(source.Diagnostic{
			Span: pb.At, Path: at,
			Problem: fmt.Sprintf("two bases of one list set it: %s and %s", pa.At, pb.At),
			Help:    "keep it in one of them, or let one extend the other",
		})
	}
}

// merge lays over upon base: maps merge, everything else replaces, and so does a map after `!replace`.
func merge(base, over *source.Node) *source.Node {
	if base == nil || over.Kind != source.Map || over.Replace {
		return over
	}
	base = asMap(base)
	if base.Kind != source.Map {
		return over
	}
	out := &source.Node{Kind: source.Map, Span: over.Span, Replace: base.Replace, Pairs: slices.Clone(base.Pairs)}
	for _, pair := range over.Pairs {
		out.Set(pair.Key, pair.At, merge(out.Get(pair.Key), pair.Value))
	}
	return out
}

// asMap turns NAME into {type: NAME}, so that parameters can be added to it.
func asMap(n *source.Node) *source.Node {
	if n.Kind != source.Text {
		return n
	}
	return &source.Node{Kind: source.Map, Span: n.Span, Pairs: []source.Pair{{Key: "type", At: n.Span, Value: n}}}
}

// without returns a map less one key.
func without(n *source.Node, key string) *source.Node {
	out := *n
	out.Pairs = slices.DeleteFunc(slices.Clone(n.Pairs), func(p source.Pair) bool { return p.Key == key })
	return &out
}
