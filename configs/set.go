package configs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"exp/internal/source"
	"exp/registry"
)

// Mistakes in overrides are shown after those in files.
const (
	orderSetFiles = 1_000
	orderSet      = 1_000_000
)

// override applies what the command line changes.
func (l *loader) override(tree *source.Node, o Options) *source.Node {
	for i, path := range o.SetFiles {
		tree = l.setFile(tree, path, orderSetFiles+i)
	}
	for i, text := range o.Set {
		tree = l.set(tree, fmt.Sprintf("--set #%d", i+1), text, orderSet+i)
	}
	last := orderSet + len(o.Set)
	if o.Seed != nil {
		f := &source.File{Name: "--seed", Text: strconv.FormatInt(*o.Seed, 10), Order: last, Override: true}
		at := f.At(0, len(f.Text))
		tree = with(tree, "seed", at, &source.Node{Kind: source.Int, Span: at, Value: f.Text})
	}
	if o.Name != "" {
		f := &source.File{Name: "--name", Text: o.Name, Order: last, Override: true}
		at := f.At(0, len(f.Text))
		tree = with(tree, "name", at, &source.Node{Kind: source.Text, Span: at, Value: f.Text})
	}
	return tree
}

// setFile merges a file of overrides; keys with dots in them are paths.
func (l *loader) setFile(tree *source.Node, path string, order int) *source.Node {
	text, err := l.read(path)
	if err != nil {
		l.p.Addf(source.Span{File: &source.File{Name: "--set-file " + path, Order: order, Override: true}}, "", "cannot be read: %s", reason(err))
		return tree
	}
	f := source.NewFile(path, string(text))
	f.Order = order
	patch := source.Parse(f, l.p)
	if patch == nil {
		return tree
	}
	if patch.Kind != source.Map {
		l.p.Addf(patch.Span, "", "a file of overrides is a map, not %s", patch.Kind)
		return tree
	}
	for _, pair := range patch.Pairs {
		s := setter{p: l.p, value: pair.Value}
		for _, key := range strings.Split(pair.Key, ".") {
			s.path = append(s.path, step{key, pair.At})
		}
		tree = s.apply(tree, 0)
	}
	return tree
}

// set applies one "path=value".
func (l *loader) set(tree *source.Node, name, text string, order int) *source.Node {
	f := source.NewFile(name, text)
	f.Order, f.Override = order, true
	equals := strings.IndexByte(f.Text, '=')
	path := strings.TrimSpace(f.Text[:max(0, equals)])
	if path == "" || slices.Contains(strings.Split(path, "."), "") {
		l.p.Addf(f.At(0, len(f.Text)), "", "%q is not path=value, such as optimizer.lr=0.1", f.Text)
		return tree
	}
	before := l.p.Len()
	value := source.ParseFrom(f, equals+1, l.p)
	if value == nil || l.p.Len() > before {
		return tree
	}
	s := setter{p: l.p, value: value}
	offset := strings.Index(f.Text, path)
	for _, key := range strings.Split(path, ".") {
		s.path = append(s.path, step{key, f.At(offset, len(key))})
		offset += len(key) + 1
	}
	return s.apply(tree, 0)
}

// setter puts a value at a path.
type setter struct {
	p     *source.Problems
	path  []step
	value *source.Node
}

// step is one part of a path and where it was written.
type step struct {
	key string
	at  source.Span
}

// apply returns n with the value put where the path leads from its i-th step on. Nodes are copied, not changed.
func (s *setter) apply(n *source.Node, i int) *source.Node {
	if i == len(s.path) {
		return merge(n, s.value)
	}
	key, at := s.path[i].key, s.path[i].at
	if n != nil {
		n = asMap(n)
	}
	switch {
	case n == nil && i > 0 && inList(key):
		s.complain(i, "there are no %s", s.path[i-1].key)
		return nil
	case n == nil:
		if v := s.apply(nil, i+1); v != nil {
			return &source.Node{Kind: source.Map, Span: at, Pairs: []source.Pair{{Key: key, At: at, Value: v}}}
		}
		return nil
	case n.Kind == source.Map:
		if old := n.Get(key); old != nil {
			return with(n, key, keyAt(n, key), s.apply(old, i+1))
		}
		if v := s.apply(nil, i+1); v != nil {
			return with(n, key, at, v)
		}
		return n
	case n.Kind == source.List:
		return s.items(n, i)
	}
	s.complain(i, "%s is %s; it has no parts", s.dotted(i), n.Written())
	return n
}

// items applies the path to the items of a list that its i-th step names.
func (s *setter) items(n *source.Node, i int) *source.Node {
	key, count := s.path[i].key, len(n.Items)
	first, last := -1, -1
	number, err := strconv.Atoi(key)
	switch {
	case key == "all" && count > 0:
		first, last = 0, count-1
	case key == "last" && count > 0:
		first, last = count-1, count-1
	case err == nil && number >= 0 && number < count:
		first, last = number, number
	case err != nil:
		first = slices.IndexFunc(n.Items, func(item *source.Node) bool {
			name := item.Get("name")
			return name != nil && name.Value == key
		})
		last = first
	}
	if first < 0 {
		s.outside(n, i)
		return n
	}
	out := *n
	out.Items = slices.Clone(n.Items)
	for j := first; j <= last; j++ {
		out.Items[j] = s.apply(n.Items[j], i+1)
	}
	return &out
}

// outside says that a list has no such item, and which it has.
func (s *setter) outside(n *source.Node, i int) {
	list := "items"
	if i > 0 && strings.HasSuffix(s.path[i-1].key, "s") {
		list = s.path[i-1].key
	}
	var there string
	switch len(n.Items) {
	case 0:
		there = "there are no " + list
	case 1:
		there = "there is 1 " + strings.TrimSuffix(list, "s") + " (0)"
	default:
		there = fmt.Sprintf("there are %d %s (0 to %d)", len(n.Items), list, len(n.Items)-1)
	}
	if inList(s.path[i].key) {
		s.complain(i, "%s", there)
		return
	}
	names := []string{"last", "all"}
	for _, item := range n.Items {
		if name := item.Get("name"); name != nil {
			names = append(names, name.Value)
		}
	}
	mean := ""
	if near := registry.Nearest(s.path[i].key, names); near != "" {
		mean = fmt.Sprintf("; did you mean %q?", near)
	}
	s.complain(i, "no %s is called %q%s; %s", strings.TrimSuffix(list, "s"), s.path[i].key, mean, there)
}

// complain adds a mistake in the i-th step of the path.
func (s *setter) complain(i int, format string, args ...any) {
	s.p.Addf(s.path[i].at, s.dotted(len(s.path)), format, args...)
}

// dotted gives the first n steps of the path.
func (s *setter) dotted(n int) string {
	var keys []string
	for _, step := range s.path[:n] {
		keys = append(keys, step.key)
	}
	return strings.Join(keys, ".")
}

// inList says whether a step can only name an item of a list.
func inList(key string) bool {
	_, err := strconv.Atoi(key)
	return err == nil || key == "last" || key == "all"
}

// with returns a copy of a map in which a key has another value.
func with(n *source.Node, key string, at source.Span, value *source.Node) *source.Node {
	out := *n
	out.Pairs = slices.Clone(n.Pairs)
	out.Set(key, at, value)
	return &out
}

func keyAt(n *source.Node, key string) source.Span {
	i := slices.IndexFunc(n.Pairs, func(p source.Pair) bool { return p.Key == key })
	return n.Pairs[i].At
}
