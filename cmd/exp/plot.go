package main

import (
	"context"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"exp/internal/term"
	"exp/registry"
	"exp/runner/metric"
	"exp/tracking"
)

// PlotOptions are what `exp plot` was asked.
type PlotOptions struct {
	choice
	Metrics []string
	Out     string
}

func newPlotCmd(a *app) *cobra.Command {
	o := &PlotOptions{}
	cmd := &cobra.Command{
		Use:   "plot [RUN...]",
		Short: "Draw learning curves, in the terminal or as SVG or PNG",
		Long: `Draw a metric of runs over the epochs, in the terminal or with -o as a picture. Several
metrics are told apart by their dashes in a picture; in the terminal each has its own plot,
of no more than four curves, which the names of runs take in turns.
A curve is called as its run, or with --cols by those columns of it.

` + runHelp + `
Here a name stands for all its runs.

` + whereHelp + "\n\n" + exitCodes,
		Example:           "  exp plot @last-1 @last\n  exp plot --where 'tag = deg1' --metric clean_train_err -o degradation.svg\n  exp plot @last -m train_loss -m val_loss -o curves.png\n  exp plot --where 'tag = deg1' --cols shortcut,depth --sort depth -o depths.svg",
		ValidArgsFunction: a.completeRuns(-1),
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			o.refs = args
			if err := o.some(cmd); err != nil {
				return err
			}
			return plotRun(cmd.Context(), a, o)
		}),
	}
	cmd.Flags().StringArrayVarP(&o.Metrics, "metric", "m", []string{metric.ValAcc}, "`METRIC` to draw (repeatable)")
	cmd.Flags().StringVarP(&o.Out, "output", "o", "", "`FILE` to write, .svg or .png")
	completeFlag(cmd, "metric", func(*app, *cobra.Command, string) []string { return metric.Names })
	o.flags(cmd)
	colsFlag(cmd, &o.cols, "`NAMES` of the columns that a curve is called by")
	return cmd
}

// curve is a metric of a run over the epochs; NaN where an epoch has none.
type curve struct {
	label, name, metric string // what it is called, and its run's name
	run                 int    // its number among the runs
	values              []float64
}

func plotRun(ctx context.Context, a *app, o *PlotOptions) error {
	var form string
	if o.Out != "" {
		var err error
		if form, err = ending("-o", o.Out, ".svg", ".png"); err != nil {
			return err
		}
	}
	store, err := a.openReader(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	runs, err := a.choose(ctx, store, o.choice)
	if err != nil {
		return err
	}
	labels, err := a.curveLabels(ctx, store, runs, o.cols)
	if err != nil {
		return err
	}
	curves, err := readCurves(ctx, store, runs, labels, o.Metrics)
	if err != nil {
		return err
	}
	if o.Out == "" {
		return a.drawCurves(curves, o.Metrics)
	}
	if err := a.toFile(o.Out, func(w io.Writer) error { return picture(curves, o.Metrics, form[1:], w) }); err != nil {
		return fmt.Errorf("draw %s: %w", o.Out, err)
	}
	a.say("%s of %s in %s", count(len(curves), "curve"), count(len(runs), "run"), o.Out)
	return nil
}

// curveLabels are what the runs' curves are called.
func (a *app) curveLabels(ctx context.Context, store *tracking.Store, runs []tracking.Record, cols string) ([]string, error) {
	labels := make([]string, len(runs))
	if cols != "" {
		t, err := choiceTable(ctx, a, store, runs, cols)
		if err != nil {
			return nil, err
		}
		for i, cells := range t.Cells() {
			labels[i] = strings.Join(cells, " ")
		}
		return labels, nil
	}
	names := map[string]int{}
	for _, r := range runs {
		names[r.Name]++
	}
	for i, r := range runs {
		labels[i] = r.Name
		if names[r.Name] > 1 {
			labels[i] += fmt.Sprintf(" seed %d %s", r.Seed, r.ID)
		}
	}
	return labels, nil
}

func readCurves(ctx context.Context, store *tracking.Store, runs []tracking.Record, labels, metrics []string) ([]curve, error) {
	var curves []curve
	found := map[string]bool{}
	for _, name := range metrics {
		some := false
		for i, r := range runs {
			points, err := store.Metrics(ctx, r.ID)
			if err != nil {
				return nil, err
			}
			c := curve{labels[i], r.Name, name, i, nil}
			for _, p := range points {
				found[p.Name] = true
				if p.Name != name {
					continue
				}
				for len(c.values) < p.Epoch {
					c.values = append(c.values, math.NaN())
				}
				c.values = append(c.values, p.Value)
				some = true
			}
			curves = append(curves, c)
		}
		if !some {
			all := sortedKeys(found, compareMetrics)
			text := fmt.Sprintf("--metric: none of the runs has %q", name)
			if near := registry.Nearest(name, all); near != "" {
				text += fmt.Sprintf("; did you mean %q?", near)
			}
			return nil, usage("%s\n   they have: %s", text, strings.Join(all, ", "))
		}
	}
	return curves, nil
}

// drawCurves draws in the terminal, a plot a metric.
func (a *app) drawCurves(curves []curve, metrics []string) error {
	longest := 0
	for _, c := range curves {
		longest = max(longest, len(c.values))
	}
	for i, name := range metrics {
		var list []term.Curve
		for _, c := range curves {
			if c.metric != name {
				continue
			}
			values := slices.Clone(c.values)
			for len(values) < longest { // one scale of epochs for all
				values = append(values, math.NaN())
			}
			list = append(list, term.Curve{Name: term.Printable(c.label), Group: c.name, Values: values})
		}
		text := term.Plot(fmt.Sprintf("%s, epochs 0 to %d", name, longest-1), list, a.color(a.outTTY))
		if text == "" {
			a.say("%s: no run has two epochs with finite values", name)
			continue
		}
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		if _, err := io.WriteString(a.out, text); err != nil {
			return err
		}
		if len(list) > term.MostCurves {
			a.say("%s: %d of %d curves; -o FILE draws all", name, term.MostCurves, len(list))
		}
	}
	return nil
}

// inks are the colours of Okabe and Ito (2008), which people who see colours
// differently can tell apart too.
var inks = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0xd5, 0x5e, 0x00, 0xff}, color.RGBA{0x00, 0x9e, 0x73, 0xff}, color.RGBA{0xcc, 0x79, 0xa7, 0xff},
	color.RGBA{0xe6, 0x9f, 0x00, 0xff}, color.RGBA{0x56, 0xb4, 0xe9, 0xff}, color.RGBA{0x00, 0x00, 0x00, 0xff}, color.RGBA{0x99, 0x99, 0x99, 0xff},
}

// Dashes tell metrics apart, and runs when the colours are used up.
var dashes = [][]vg.Length{nil, {vg.Points(6), vg.Points(3)}, {vg.Points(2), vg.Points(2)}, {vg.Points(8), vg.Points(3), vg.Points(2), vg.Points(3)}}

const (
	pictureWidth  = 22 * vg.Centimeter
	pictureHeight = 11 * vg.Centimeter
	margin        = 6 * vg.Length(1) // points around it
	mostLegends   = 20               // lines of a legend that fit
)

// picture draws curves in a format of gonum's plot.
func picture(curves []curve, metrics []string, format string, w io.Writer) error {
	p := plot.New()
	p.X.Label.Text = "epoch"
	p.Y.Label.Text = strings.Join(metrics, ", ")
	p.X.Min = 0
	p.Add(plotter.NewGrid())
	legend := plot.NewLegend() // beside the curves, so that it hides none
	legend.Top, legend.Left, legend.XOffs = true, true, vg.Points(6)
	legend.Padding = vg.Points(2)
	legends := 0
	for _, c := range curves {
		var points plotter.XYs
		for epoch, v := range c.values {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				points = append(points, plotter.XY{X: float64(epoch), Y: v})
			}
		}
		if len(points) == 0 {
			continue
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return err
		}
		line.Color = inks[c.run%len(inks)]
		line.Width = vg.Points(1.3)
		line.Dashes = dashes[(slices.Index(metrics, c.metric)+c.run/len(inks))%len(dashes)]
		p.Add(line)
		label := term.Printable(c.label)
		if len(metrics) > 1 {
			label += " " + c.metric
		}
		if legends++; legends <= mostLegends {
			legend.Add(label, line)
		}
	}
	canvas, err := draw.NewFormattedCanvas(pictureWidth, pictureHeight, format)
	if err != nil {
		return err
	}
	all := draw.New(canvas)
	if canvas, ok := canvas.(interface{ SetColor(color.Color) }); ok {
		canvas.SetColor(color.White)
		all.Fill(all.Rectangle.Path())
	}
	inside := draw.Crop(all, margin, -margin, margin, -margin)
	size := legend.Rectangle(inside).Size()
	beside := min(size.X+legend.XOffs, pictureWidth/2)
	p.Draw(draw.Crop(inside, 0, -beside, 0, 0))
	legend.Draw(draw.Crop(inside, inside.Size().X-beside, 0, 0, 0))
	_, err = canvas.WriteTo(w)
	return err
}
