package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"regexp"
	"strings"
	"testing"

	"exp/configs"
)

// frames matches the title of a part in either form of a picture.
var frames = regexp.MustCompile(`<text class="title"[^>]*>([^<]*)</text>|label="([^"]*)"; style=rounded`)

// TestPictures draws every shipped net: well-formed, every layer in its frame, equal Units once.
func TestPictures(t *testing.T) {
	want := map[string]string{
		"resnet-cifar":      "input|stem|stages.0.units.0 to 2|stages.1.units.0|stages.1.units.1 to 2|stages.2.units.0|stages.2.units.1 to 2|stages.3.units.0|stages.3.units.1 to 2|head",
		"he2016-preact-164": "input|stem|stages.0.units.0|stages.0.units.1 to 17|stages.1.units.0|stages.1.units.1 to 17|stages.2.units.0|stages.2.units.1 to 17|head",
	}
	cases := map[string][]string{"he2016-shortcuts": {"model.unit.shortcut=gated"}}
	for _, name := range configs.Shipped() {
		l, err := configs.Load(name, configs.Options{Set: cases[name]})
		if err != nil {
			t.Fatal(err)
		}
		d := drawNet(name, l.Net)
		var svg, dot bytes.Buffer
		d.svg(&svg)
		d.dot(&dot)
		for _, text := range []string{svg.String(), dot.String()} {
			var titles []string
			for _, m := range frames.FindAllStringSubmatch(text, -1) {
				titles = append(titles, m[1]+m[2])
			}
			if got := strings.Join(titles, "|"); want[name] != "" && got != want[name] {
				t.Errorf("%s: the frames are %s, not %s", name, got, want[name])
			}
		}
		reader := xml.NewDecoder(&svg)
		boxes := 0
		for {
			token, err := reader.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" && strings.HasPrefix(e.Attr[0].Value, "box ") {
				boxes++
			}
		}
		layers := 0
		for _, p := range d.parts {
			layers += len(p.boxes)
		}
		if boxes != layers || strings.Count(dot.String(), "[label=") < layers {
			t.Errorf("%s: %d boxes for %d layers", name, boxes, layers)
		}
	}
}
