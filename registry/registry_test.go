package registry

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"exp/internal/source"
)

type shape interface{ area() float64 }

var shapes = NewKind[shape]("shape", "something with an area")

type square struct {
	Side   float64 `yaml:"side" doc:"length of a side" check:"required,gt=0"`
	Colour string  `yaml:"colour" doc:"of its face" check:"oneof=red|green|blue"`
}

func (s *square) area() float64 { return s.Side * s.Side }

// Validate refuses what tags cannot.
func (s *square) Validate() error {
	var faults []error
	if s.Side == 13 {
		faults = append(faults, Bad("side", "%v brings bad luck", s.Side))
		if s.Colour == "green" {
			faults = append(faults, Bad("colour", "nor is green any better"))
		}
	}
	return errors.Join(faults...)
}

type point struct{}

func (point) area() float64 { return 0 }

type group struct {
	Common
	Of     shape     `yaml:"of" doc:"the one that is repeated"`
	More   []shape   `yaml:"more" doc:"others"`
	Scale  []float64 `yaml:"scale" doc:"sizes" check:"gt=0,max=10"`
	Frame  frame     `yaml:"frame" doc:"what is around"`
	Shadow *frame    `yaml:"shadow" doc:"what is below"`
	Turn   degrees   `yaml:"turn" doc:"angle"`
	Frames []frame   `yaml:"frames" doc:"further ones"`
	secret int
}

func (g *group) area() float64 { return float64(g.Times)*g.Of.area() + float64(g.secret) }

// Common is embedded: its fields count as the group's own.
type Common struct {
	Times int `yaml:"times" doc:"how often" check:"min=1"`
}

type frame struct {
	Width  int    `yaml:"width" doc:"in pixels" check:"min=0"`
	Dashed bool   `yaml:"dashed" doc:"or drawn through"`
	Title  string `yaml:"title" doc:"on it"`
}

// degrees reads "90deg".
type degrees int

// UnmarshalText reads the text form.
func (d *degrees) UnmarshalText(text []byte) error {
	if _, err := fmt.Sscanf(string(text), "%ddeg", (*int)(d)); err != nil {
		return fmt.Errorf("%s is no angle such as 90deg", text)
	}
	return nil
}

// MarshalText writes the text form.
func (d degrees) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%ddeg", int(d)), nil }

func init() {
	shapes.Add("square", "four equal sides", &square{Colour: "red"})
	shapes.Add("point", "nothing to see", point{})
	shapes.Add("group", "the same again", &group{Common: Common{Times: 2}, Of: &square{Side: 1, Colour: "red"}, Scale: []float64{1}})
	Default(frame{Width: 3})
}

func decode(text string) (shape, *source.Problems) {
	var p source.Problems
	n := source.Parse(source.NewFile("x.yaml", text), &p)
	return shapes.Decode(n, "shape", &p), &p
}

func TestWhatIsDecoded(t *testing.T) {
	one := &square{Side: 1, Colour: "red"}
	for _, test := range []struct {
		text string
		want shape
	}{
		{"point", point{}},
		{"{type: point}", point{}},
		{"{type: square, side: 2}", &square{2, "red"}},
		{"{type: square, side: 2, colour: blue}", &square{2, "blue"}},
		{"group", &group{Common: Common{2}, Of: one, Scale: []float64{1}}},
		{"{type: group, times: 7}", &group{Common: Common{7}, Of: one, Scale: []float64{1}}},
		{"{type: group, of: point, scale: []}", &group{Common: Common{2}, Of: point{}, Scale: []float64{}}},
		{"{type: group, of: {side: 5}}", &group{Common: Common{2}, Of: &square{5, "red"}, Scale: []float64{1}}},
		{"{type: group, more: [point, {type: square, side: 4}]}", &group{Common: Common{2}, Of: one, Scale: []float64{1}, More: []shape{point{}, &square{4, "red"}}}},
		{"{type: group, frame: {dashed: true}}", &group{Common: Common{2}, Of: one, Scale: []float64{1}, Frame: frame{0, true, ""}}},
		{"{type: group, shadow: {title: 12}}", &group{Common: Common{2}, Of: one, Scale: []float64{1}, Shadow: &frame{3, false, "12"}}},
		{"{type: group, shadow: null}", &group{Common: Common{2}, Of: one, Scale: []float64{1}}},
		{"{type: group, frames: [{}, {width: 1}]}", &group{Common: Common{2}, Of: one, Scale: []float64{1}, Frames: []frame{{Width: 3}, {Width: 1}}}},
		{"{type: group, turn: 45deg}", &group{Common: Common{2}, Of: one, Scale: []float64{1}, Turn: 45}},
	} {
		got, p := decode(test.text)
		if p.Len() > 0 || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, want %+v; %v", test.text, got, test.want, p.Err())
			continue
		}
		text := source.Write(encode(reflect.ValueOf(&got).Elem()))
		again, p := decode(text)
		if p.Len() > 0 || fmt.Sprintf("%+v", deref(again)) != fmt.Sprintf("%+v", deref(got)) {
			t.Errorf("%s is written as\n%s\nwhich is read as %+v; %v", test.text, text, again, p.Err())
		}
	}
	if fresh, _ := shapes.New("group"); fresh.(*group).Of.(*square).Side != 1 || fresh.(*group).Times != 2 {
		t.Errorf("decoding changed the defaults: %+v", fresh)
	}
}

// deref shows a group without the addresses in it.
func deref(s shape) any {
	if g, ok := s.(*group); ok {
		return source.Write(Encode(g))
	}
	return s
}

func TestWhatIsRefused(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string // all mistakes, without source lines
	}{
		{"squar", []string{`x.yaml:1:1: shape: unknown shape "squar"; did you mean "square"?`, `   shapes: group, point, square`}},
		{"square", []string{`x.yaml:1:1: shape.side: is missing: length of a side`}},
		{"{side: 2}", []string{`x.yaml:1:1: shape: has no type: it does not say which shape`, `   shapes: group, point, square`}},
		{"{Type: square, side: 2}", []string{`x.yaml:1:2: shape.Type: unknown key; did you mean "type"?`, `   shapes: group, point, square`}},
		{"{type: square, sied: 2}", []string{`x.yaml:1:16: shape.sied: unknown key; did you mean "side"?`, `   square takes: colour, side`}},
		{"{type: square, side: 2, sid: 3}", []string{`x.yaml:1:25: shape.sid: unknown key`, `   square takes: colour, side`}},
		{"{type: point, side: 2}", []string{`x.yaml:1:15: shape.side: unknown key`, `   point takes no parameters`}},
		{"{type: square, side: 0, colour: redd}", []string{
			`x.yaml:1:22: shape.side: 0 is out of range; it must be more than 0`,
			`x.yaml:1:33: shape.colour: "redd" is not one of its values; did you mean "red"?`, `   one of red, green, blue`,
		}},
		{"{type: square, side: 13, colour: green}", []string{
			`x.yaml:1:22: shape.side: 13 brings bad luck`,
			`x.yaml:1:34: shape.colour: nor is green any better`,
		}},
		{"{type: group, times: 1.5, scale: [1, 0, 11, x], frame: {dashed: off}}", []string{
			`x.yaml:1:22: shape.times: 1.5 is not a whole number`,
			`x.yaml:1:45: shape.scale.3: "x" is not a number`,
			`x.yaml:1:65: shape.frame.dashed: off is not true or false; write false`,
		}},
		{"{type: group, scale: [1, 0, 11]}", []string{
			`x.yaml:1:26: shape.scale.1: 0 is out of range; it must be more than 0 and at most 10`,
			`x.yaml:1:29: shape.scale.2: 11 is out of range; it must be more than 0 and at most 10`,
		}},
		{"{type: group, turn: right, more: [pint], of: [point]}", []string{
			`x.yaml:1:21: shape.turn: right is no angle such as 90deg`,
			`x.yaml:1:35: shape.more.0: unknown shape "pint"; did you mean "point"?`, `   shapes: group, point, square`,
			`x.yaml:1:46: shape.of: the name of a shape goes here, not a list`, `   shapes: group, point, square`,
		}},
		{"{type: group, frames: [{widht: 1}, 5], frame: 7}", []string{
			`x.yaml:1:25: shape.frames.0.widht: unknown key; did you mean "width"?`, `   a frame takes: dashed, title, width`,
			`x.yaml:1:36: shape.frames.1: a map goes here, not 5`, `   a frame takes: dashed, title, width`,
			`x.yaml:1:47: shape.frame: a map goes here, not 7`, `   frame takes: dashed, title, width`,
		}},
	} {
		_, p := decode(test.text)
		var got []string
		for line := range strings.Lines(p.Render()) {
			if !strings.Contains(line, " | ") && !strings.Contains(line, "nothing was run") {
				got = append(got, strings.TrimSuffix(line, "\n"))
			}
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", test.text, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"lr", "momentum", "weight_decay", "nesterov", "batch", "beta1", "beta2", "epochs"}
	for written, want := range map[string]string{
		"learning_rate": "lr", "LR": "lr", "momentun": "momentum", "mometnum": "momentum", "weightdecay": "weight_decay",
		"weight-decay": "weight_decay", "wd": "weight_decay", "batch_size": "batch", "beta_1": "beta1", "epoch": "epochs",
		"nestrov": "nesterov", "dropout": "", "x": "", "": "", "zq": "",
	} {
		if got := Nearest(written, names); got != want {
			t.Errorf("%q: got %q, want %q", written, got, want)
		}
	}
}

func TestWhatIsDocumented(t *testing.T) {
	var entries []string
	for _, e := range shapes.Entries() {
		entries = append(entries, e.Name+": "+e.Doc)
		for _, f := range e.Fields {
			entries = append(entries, fmt.Sprintf("  %s (%s) = %s [%s] %s", f.Name, f.Type, f.Default, f.Bounds, f.Doc))
		}
	}
	want := `group: the same again
  times (whole number) = 2 [at least 1] how often
  of (shape) = {type: square, side: 1, colour: red} [] the one that is repeated
  more (list of shape) = [] [] others
  scale (list of number) = [1] [more than 0 and at most 10] sizes
  frame.width (whole number) = 0 [at least 0] in pixels
  frame.dashed (true or false) = false [] or drawn through
  frame.title (text) = "" [] on it
  shadow (map) =  [] what is below
  shadow.width (whole number) = 3 [at least 0] in pixels
  shadow.dashed (true or false) = false [] or drawn through
  shadow.title (text) = "" [] on it
  turn (value) = "0deg" [] angle
  frames (list of map) = [] [] further ones
point: nothing to see
square: four equal sides
  side (number) =  [more than 0] length of a side
  colour (text) = red [one of red, green, blue] of its face`
	if got := strings.Join(entries, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := shapes.Names(); !reflect.DeepEqual(got, []string{"group", "point", "square"}) {
		t.Errorf("names: %v", got)
	}
	for _, k := range Kinds() {
		if k.Name() == "shape" && k.Doc() == "something with an area" && len(k.Names()) == 3 && len(k.Entries()) == 3 {
			return
		}
	}
	t.Errorf("the kind is not among %v", Kinds())
}

type (
	noDoc struct {
		X int `yaml:"x"`
	}
	noName struct {
		X int `doc:"x"`
	}
	oddName struct {
		X int `yaml:"type" doc:"x"`
	}
	oddCheck struct {
		X int `yaml:"x" doc:"x" check:"below=3"`
	}
	oddType struct {
		X chan int `yaml:"x" doc:"x"`
	}
	outOf struct {
		X float64 `yaml:"x" doc:"x" check:"lt=1"`
	}
	wrongWord struct {
		X string `yaml:"x" doc:"x" check:"oneof=a|b"`
	}
	unlucky struct{ square }
	twice   struct {
		X int `yaml:"x" doc:"x"`
		Y int `yaml:"x" doc:"x"`
	}
)

func (noDoc) area() float64     { return 0 }
func (noName) area() float64    { return 0 }
func (oddName) area() float64   { return 0 }
func (oddCheck) area() float64  { return 0 }
func (oddType) area() float64   { return 0 }
func (outOf) area() float64     { return 0 }
func (wrongWord) area() float64 { return 0 }
func (twice) area() float64     { return 0 }

func TestBadRegistrationsPanic(t *testing.T) {
	for want, add := range map[string]func(){
		`field X of registry.noDoc has no doc tag`:      func() { shapes.Add("a", "doc", noDoc{}) },
		`yaml:"" is no parameter's name`:                func() { shapes.Add("a", "doc", noName{}) },
		`yaml:"type" is no parameter's name`:            func() { shapes.Add("a", "doc", oddName{}) },
		`check "below=3" is unknown`:                    func() { shapes.Add("a", "doc", oddCheck{}) },
		`a chan int cannot be read`:                     func() { shapes.Add("a", "doc", oddType{}) },
		`the default of x: 1 is out of range`:           func() { shapes.Add("a", "doc", outOf{1}) },
		`the default of x: "" is not one of its values`: func() { shapes.Add("a", "doc", wrongWord{}) },
		`the default of side: 13 brings bad luck`:       func() { shapes.Add("a", "doc", &unlucky{square{13, "red"}}) },
		`"x" is there twice`:                            func() { shapes.Add("a", "doc", twice{}) },
		`shape "point" is registered twice`:             func() { shapes.Add("point", "doc", noDoc{}) },
		`shape "a" has the type of "point"`:             func() { shapes.Add("a", "doc", point{}) },
		`shape "" needs a name and a doc text`:          func() { shapes.Add("", "doc", outOf{}) },
		`shape "a": the defaults are no struct`:         func() { shapes.Add("a", "doc", nil) },
		`registry.shape has a kind already, "shape"`:    func() { NewKind[shape]("form", "doc") },
		`kind "number": int is not an interface`:        func() { NewKind[int]("number", "doc") },
	} {
		t.Run(want, func(t *testing.T) {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
					t.Errorf("got %s", got)
				}
			}()
			add()
		})
	}
}

// TestRoundTrip writes and reads values that are easily lost.
func TestRoundTrip(t *testing.T) {
	for _, x := range []float64{1, 1e6, 1e21, 1e-7, math.MaxFloat64, math.SmallestNonzeroFloat64, 0.1, 1.0 / 3} {
		for _, title := range []string{"", "yes", "null", "~", "12", "1e3", " a ", "a: b", "a #b", "- a", "é\u0085\u2028", "\x7f\ufeff", "\"'\\", "\n\t", "{", "!x", "&x", "*x", "<<", "012", ".inf"} {
			in := &group{Common: Common{Times: math.MaxInt}, Of: &square{Side: x, Colour: "blue"}, Scale: []float64{}, Frame: frame{Title: title}}
			var v shape = in
			text := source.Write(encode(reflect.ValueOf(&v).Elem()))
			out, p := decode(text)
			if p.Len() > 0 || out.(*group).Frame.Title != title || out.(*group).Of.(*square).Side != x || out.(*group).Times != math.MaxInt {
				t.Fatalf("%q and %v are written as\n%s\nand read as %+v; %v", title, x, text, out, p.Err())
			}
		}
	}
}
