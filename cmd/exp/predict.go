package main

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // what can be read
	_ "image/png"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/image/draw"

	"exp/data"
	"exp/internal/term"
)

// PredictOptions are what `exp predict` was asked.
type PredictOptions struct {
	output
	weightsFlag
	Ref    string
	Images []string
	Top    int
}

func newPredictCmd(a *app) *cobra.Command {
	o := &PredictOptions{}
	cmd := &cobra.Command{
		Use:   "predict RUN IMAGE...",
		Short: "Say what a run's net sees in PNG or JPEG pictures",
		Long: `Say what the net of a run sees in PNG or JPEG pictures: classes with their probabilities. A
picture of another size is resized, and one in colours made grey where the net wants that.

The data set of the run must be at hand: pictures are normalised by its statistics.

` + runHelp + "\n\n" + exitCodes,
		Example: "  exp predict @best:val_acc cat.png dog.jpg\n  exp predict @last *.png --top 1 --csv",
		Args:    needs(2, "a RUN and an IMAGE"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, start string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return a.completeRuns(1)(cmd, args, start)
			}
			return []cobra.Completion{"png", "jpg", "jpeg"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: a.run(func(cmd *cobra.Command, args []string) error {
			o.Ref, o.Images = args[0], args[1:]
			return predictRun(cmd.Context(), a, o)
		}),
	}
	cmd.Flags().IntVar(&o.Top, "top", 3, "how many classes to name for each picture")
	o.weightsFlag.flags(cmd)
	o.output.flags(cmd)
	return cmd
}

func predictRun(ctx context.Context, a *app, o *PredictOptions) error {
	format, err := o.format()
	if err != nil {
		return err
	}
	if o.Top < 1 {
		return usage("--top: %d is below 1", o.Top)
	}
	pictures := make([]image.Image, len(o.Images))
	for i, path := range o.Images { // before the net is opened: a wrong name costs no time
		if pictures[i], err = readPicture(path); err != nil {
			return err
		}
	}
	t, err := a.openTrained(ctx, o.Ref, o.weights, "")
	if err != nil {
		return err
	}
	defer t.Close()
	info := t.loaded.Info
	size := info.H * info.W * info.C
	input := make([]float32, size*len(pictures))
	for i, picture := range pictures {
		if b := picture.Bounds(); b.Dx() != info.W || b.Dy() != info.H {
			a.say("%s: resized from %dx%d to %dx%d", o.Images[i], b.Dx(), b.Dy(), info.W, info.H)
		}
		t.data.Train.Normalise(input[i*size:][:size], pixels(picture, info))
	}
	all, err := t.Predict(input)
	if err != nil {
		return fmt.Errorf("predict with run %s: %w", t.run.ID, err)
	}
	table := &term.Table{Columns: []term.Column{{Name: "image"}, {Name: "rank"}, {Name: "class"}, {Name: "probability", Text: term.Fixed(4)}}}
	for i, p := range all {
		order := make([]int, len(p))
		for class := range order {
			order[class] = class
		}
		slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(p[y], p[x]) })
		for rank, class := range order[:min(o.Top, len(order))] {
			table.Add(o.Images[i], rank+1, info.Classes[class], p[class])
		}
	}
	return table.Write(a.out, format, a.color(a.outTTY))
}

func readPicture(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usageError{err}
	}
	defer f.Close()
	picture, _, err := image.Decode(f)
	if err != nil {
		return nil, usage("%s: not a PNG or JPEG picture: %s", path, strings.TrimPrefix(err.Error(), "image: "))
	}
	if picture.Bounds().Empty() {
		return nil, usage("%s: the picture is empty", path)
	}
	return picture, nil
}

// pixels gives a picture in the size and the channels of a data set, [H,W,C]; what is
// transparent is white.
func pixels(picture image.Image, info data.Info) []uint8 {
	whole := image.Rect(0, 0, info.W, info.H)
	scaled := image.NewRGBA(whole)
	draw.Draw(scaled, whole, image.White, image.Point{}, draw.Src)
	if b := picture.Bounds(); b.Dx() == info.W && b.Dy() == info.H {
		draw.Draw(scaled, whole, picture, b.Min, draw.Over)
	} else {
		draw.CatmullRom.Scale(scaled, whole, picture, b, draw.Over, nil)
	}
	out := make([]uint8, 0, info.H*info.W*info.C)
	for y := range info.H {
		for x := range info.W {
			c := scaled.RGBAAt(x, y)
			if info.C == 1 {
				out = append(out, color.GrayModel.Convert(c).(color.Gray).Y)
			} else {
				out = append(out, c.R, c.G, c.B)
			}
		}
	}
	return out
}
