package main

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"exp/configs"
	"exp/data"
	"exp/internal/term"
)

func newDataCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "data",
		Short: "List data sets, download them, look at what a net will see",
		Long:  "List data sets, download them, look at what a net will see.\n\n" + exitCodes,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDataListCmd(a), newDataGetCmd(a), newDataShowCmd(a))
	return cmd
}

func newDataListCmd(a *app) *cobra.Command {
	o := &output{}
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List data sets, their sizes, and where their files are",
		Long:    "List data sets, their sizes, and where their files are.\n\n" + exitCodes,
		Example: "  exp data list\n  exp data list --json",
		Args:    cobra.NoArgs,
		RunE: a.run(func(*cobra.Command, []string) error {
			format, err := o.format()
			if err != nil {
				return err
			}
			return a.listData(format)
		}),
	}
	o.flags(cmd)
	return cmd
}

// listData writes a row for each data set, with its default parameters.
func (a *app) listData(format term.Format) error {
	t := &term.Table{}
	for _, name := range []string{"name", "pictures", "classes", "train", "test", "found"} {
		t.Columns = append(t.Columns, term.Column{Name: name})
	}
	for _, name := range data.Datasets.Names() {
		set, _ := data.Datasets.New(name)
		info, err := set.Info(a.dataEnv())
		if err != nil { // only the experiment knows where it is
			t.Add(name, nil, nil, nil, nil, "in data.dir of an experiment")
			continue
		}
		t.Add(name, fmt.Sprintf("%dx%dx%d", info.H, info.W, info.C), int64(len(info.Classes)), int64(info.Train), int64(info.Test), a.found(set, info))
	}
	return t.Write(a.out, format, a.color(a.outTTY))
}

// found says in words where a data set is.
func (a *app) found(set data.Dataset, info data.Info) string {
	finder, ok := set.(data.Finder)
	switch {
	case info.Made:
		return "made when needed"
	case !ok:
		return "in data.dir of an experiment"
	}
	at, err := finder.Find(a.dataEnv())
	switch {
	case err != nil:
		return err.Error()
	case at == "":
		return "not here; exp data get " + info.Name
	}
	return at
}

func newDataGetCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "get NAME",
		Short: "Download a data set, unless it is there, and check it",
		Long: `Download a data set, unless it is there, and check it. Downloads go on where they were
cut off.

` + exitCodes,
		Example:   "  exp data get cifar10",
		ValidArgs: downloads(),
		Args:      oneName,
		RunE:      a.run(func(cmd *cobra.Command, args []string) error { return a.getData(cmd.Context(), args[0]) }),
	}
}

// downloads are the data sets that there is something to download for.
func downloads() []string {
	return slices.DeleteFunc(data.Datasets.Names(), func(name string) bool {
		set, _ := data.Datasets.New(name)
		_, ok := set.(data.Finder)
		return !ok
	})
}

// oneName says what is missing in a person's words.
func oneName(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("get takes the NAME of one data set, not %d; `exp data list` has them", len(args))
	}
	return nil
}

func (a *app) getData(ctx context.Context, name string) error {
	set, ok := data.Datasets.New(name)
	if !ok {
		all := downloads()
		return usage("data get: %q is not one of %s%s", name, strings.Join(all, ", "), didYouMean(name, all))
	}
	if _, ok := set.(data.Finder); !ok {
		return usage("data get: there is nothing to download for %s", name)
	}
	show := newProgress(a, 1, 1)
	env := a.dataEnv()
	env.Progress = show.download
	env.Warn = func(text string) { show.say("warning: %s", text) }
	read, err := set.Load(ctx, env)
	show.end()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s: %d training and %d test pictures in %s\n", name, read.Train.N, read.Test.N, read.From)
	return err
}

// dataShowOptions are what `exp data show` was asked.
type dataShowOptions struct {
	experimentFlags
	Out   string
	Count int
	Epoch int
}

func newDataShowCmd(a *app) *cobra.Command {
	o := &dataShowOptions{}
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Draw training examples as the net of an experiment will see them",
		Long: `Draw training examples as the net of an experiment will see them: the beginning of an
epoch, in its order, augmented, with their labels, as a PNG. Pixels are shown as they are
before they are normalised.

` + experimentHelp + `

` + exitCodes,
		Example:           "  exp data show resnet-cifar -o grid.png\n  exp data show resnet-cifar --set 'data.augment=[mixup]' --count 12 --epoch 3",
		Args:              oneFile,
		ValidArgsFunction: oneFileOnly,
		RunE:              a.run(func(cmd *cobra.Command, files []string) error { return a.showData(cmd.Context(), o, files) }),
	}
	cmd.Flags().StringVarP(&o.Out, "output", "o", "grid.png", "`FILE` to write")
	cmd.Flags().IntVarP(&o.Count, "count", "n", 32, "number of examples")
	cmd.Flags().IntVar(&o.Epoch, "epoch", 1, "the epoch, counted from 1")
	o.flags(cmd)
	return cmd
}

const mostShown = 1000

func (a *app) showData(ctx context.Context, o *dataShowOptions, files []string) error {
	if o.Count < 1 || o.Count > mostShown {
		return usage("--count: %d is not from 1 to %d", o.Count, mostShown)
	}
	if _, err := ending("-o", o.Out, ".png"); err != nil {
		return err
	}
	loaded, err := a.loadAll(&o.experimentFlags, files)
	if err != nil {
		return err
	}
	l := loaded[0]
	if o.Epoch < 1 || o.Epoch > l.Train.Epochs {
		return usage("--epoch: %d is not from 1 to %d", o.Epoch, l.Train.Epochs)
	}
	show := newProgress(a, 1, 1)
	env := a.dataEnv()
	env.Progress = show.download
	env.Warn = func(text string) { show.say("warning: %s", text) }
	prepared, err := data.Prepare(ctx, l.Data, l.Seed, env)
	show.end()
	if err != nil {
		return err
	}
	drawn, shown, err := drawExamples(ctx, l, prepared, o)
	if err != nil {
		return err
	}
	if err := a.toFile(o.Out, func(w io.Writer) error { return png.Encode(w, drawn) }); err != nil {
		return fmt.Errorf("draw %s: %w", o.Out, err)
	}
	_, err = fmt.Fprintf(a.out, "%s: %d of %d training examples in epoch %d\n", o.Out, shown, prepared.Train.Len(), o.Epoch)
	return err
}

// The grid, in pixels.
const (
	gridCell   = 96 // the shorter side of a picture is scaled up by a whole factor to about this
	gridGap    = 6
	gridLine   = 15 // of a label
	gridLetter = 7
	gridWide   = 8 // cells in a row
)

// drawExamples makes the grid of the first examples of an epoch, batch after batch, and says how many there are.
func drawExamples(ctx context.Context, l *configs.Loaded, p *data.Prepared, o *dataShowOptions) (image.Image, int, error) {
	count := min(o.Count, p.Train.Len())
	h, w, c := p.Train.Shape()
	scale := max(1, gridCell/max(1, min(h, w)))
	cellW, cellH := max(w*scale, 10*gridLetter)+gridGap, h*scale+2*gridLine+gridGap
	across := min(gridWide, count)
	grid := image.NewNRGBA(image.Rect(0, 0, across*cellW+gridGap, (count+across-1)/across*cellH+gridGap))
	draw.Draw(grid, grid.Bounds(), image.White, image.Point{}, draw.Src)
	batches := p.Train.Batches(ctx, data.Order{Batch: l.Train.Batch, Epoch: o.Epoch, Seed: l.Seed, Shuffle: true, Augment: l.Data.Augment})
	defer batches.Close()
	pixels := make([]uint8, h*w*c)
	for i := 0; i < count; {
		b, ok := batches.Next()
		if !ok {
			return nil, 0, batches.Err()
		}
		for row := 0; row < b.Rows && i < count; row++ {
			at := image.Pt(gridGap+i%across*cellW, gridGap+i/across*cellH)
			p.Train.Pixels(pixels, b.X[row*h*w*c:])
			drawPicture(grid, at, pixels, h, w, c, scale)
			for k, text := range labelsOf(p.Info.Classes, b, row) {
				letters := (cellW - gridGap) / gridLetter
				drawText(grid, at.Add(image.Pt(0, h*scale+(k+1)*gridLine-3)), text, letters)
			}
			i++
		}
	}
	return grid, count, nil
}

// labelsOf is one line for an example's label, or two with the shares of both.
func labelsOf(classes []string, b data.Batch, row int) []string {
	label := classes[b.Labels[row]]
	if b.Others == nil {
		return []string{label}
	}
	return []string{
		fmt.Sprintf("%2.0f%% %s", 100*b.Share, label),
		fmt.Sprintf("%2.0f%% %s", 100*(1-b.Share), classes[b.Others[row]]),
	}
}

// drawPicture draws a picture of 1 channel (grey), 2 (and opacity), 3 (colour) or 4.
func drawPicture(onto draw.Image, at image.Point, pixels []uint8, h, w, c, scale int) {
	for y := range h {
		for x := range w {
			p := pixels[(y*w+x)*c:][:c]
			v := color.NRGBA{p[0], p[0], p[0], 255}
			if c >= 3 {
				v.G, v.B = p[1], p[2]
			}
			if c%2 == 0 {
				v.A = p[c-1]
			}
			corner := at.Add(image.Pt(x*scale, y*scale))
			draw.Draw(onto, image.Rectangle{corner, corner.Add(image.Pt(scale, scale))}, image.NewUniform(v), image.Point{}, draw.Over)
		}
	}
}

// drawText writes a line of at most so many letters; what the font has no letters for becomes a question mark.
func drawText(onto draw.Image, at image.Point, text string, letters int) {
	runes := []rune(text)
	for i, r := range runes {
		if r > unicode.MaxASCII || !unicode.IsPrint(r) {
			runes[i] = '?'
		}
	}
	if len(runes) > letters {
		runes = append(runes[:letters-1], '~')
	}
	d := font.Drawer{Dst: onto, Src: image.Black, Face: basicfont.Face7x13, Dot: fixed.P(at.X, at.Y)}
	d.DrawString(string(runes))
}
