package data

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // reads JPEG
	_ "image/png"  // reads PNG
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/image/draw"

	"exp/registry"
)

func init() {
	Datasets.Add("images", "your own PNG and JPEG pictures: data.dir names a folder that has train/CLASS/*.png and test/CLASS/*.png, or CLASS/*.png with data.validation", &Images{Channels: 3})
}

// Images is a folder of PNG and JPEG pictures, a sub-folder for each class, laid out as for torchvision's ImageFolder: in
// pairs, train/CLASS/* and test/CLASS/*, or without a test part, CLASS/* or train/CLASS/*, where `validation` must split one
// off. Classes are numbered in the order of their names, pictures come in the order of theirs.
//
// Pictures are read whatever their format (grey, palette, sixteen bits, opacity). Where opacity is not kept, what is
// transparent is black. They are resized by a tent filter that widens when it shrinks, as Pillow's bilinear one, without
// keeping the aspect ratio. Orientations in EXIF data are not looked at.
type Images struct {
	Size     []int `yaml:"size" doc:"rows and columns that every picture is resized to; without it all must have the same size" check:"min=1,max=4096"`
	Channels int   `yaml:"channels" doc:"1 grey, 2 grey and opacity, 3 colour, 4 colour and opacity" check:"min=1,max=4"`
}

const (
	mostPixels   = 100_000_000 // of a picture file: more is taken for an attack or a mistake
	mostFile     = 256 << 20   // bytes of a picture file
	mostPictures = 64 << 30    // bytes of all pictures together, in memory
)

// Validate refuses sizes that are not rows and columns.
func (d *Images) Validate() error {
	if n := len(d.Size); n != 0 && n != 2 {
		return registry.Bad("size", "%d numbers; rows and columns go here, such as [32, 32]", n)
	}
	return nil
}

// pictures is what a folder of pictures has.
type pictures struct {
	classes     []string
	train, test []picture
}

// picture is a file and its class.
type picture struct {
	path  string
	label int32
}

// Info looks at the names in the folder and at the size of the first picture.
func (d *Images) Info(env Env) (Info, error) {
	all, err := scan(env.Dir)
	if err != nil {
		return Info{}, err
	}
	h, w, err := d.size(all)
	if err != nil {
		return Info{}, err
	}
	return Info{Name: "images", Classes: all.classes, H: h, W: w, C: d.Channels, Train: len(all.train), Test: len(all.test)}, nil
}

// size is the rows and columns of every picture.
func (d *Images) size(all *pictures) (h, w int, err error) {
	if len(d.Size) == 2 {
		return d.Size[0], d.Size[1], nil
	}
	path := all.train[0].path
	header, _, err := open(path)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", path, err)
	}
	return header.Height, header.Width, nil
}

// Load reads all pictures.
func (d *Images) Load(ctx context.Context, env Env) (*Set, error) {
	all, err := scan(env.Dir)
	if err != nil {
		return nil, err
	}
	h, w, err := d.size(all)
	if err != nil {
		return nil, fmt.Errorf("read images: %w", err)
	}
	n := len(all.train) + len(all.test)
	if bytes := float64(n) * float64(h*w*d.Channels); bytes > mostPictures {
		return nil, fmt.Errorf("read images: %d pictures of %dx%d in %d channels take %.0f GB of memory; a smaller `size` makes them fit", n, h, w, d.Channels, bytes/1e9)
	}
	set := &Set{Info: Info{Name: "images", Classes: all.classes, H: h, W: w, C: d.Channels, Train: len(all.train), Test: len(all.test)}, From: env.Dir}
	for i, files := range [][]picture{all.train, all.test} {
		part := []*Split{&set.Train, &set.Test}[i]
		*part = Split{len(files), h, w, d.Channels, make([]uint8, len(files)*h*w*d.Channels), make([]int32, len(files))}
		if err := d.read(ctx, *part, files, all.train[0].path); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("read images: %w", err)
		}
	}
	set.Hash = set.hash()
	return set, nil
}

// read reads pictures into a split, several at a time. Its error is that of the first file that cannot be read.
func (d *Images) read(ctx context.Context, into Split, files []picture, first string) error {
	errs := make([]error, len(files))
	var next, failed atomic.Int64
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			canvas := image.NewRGBA(image.Rect(0, 0, into.W, into.H))
			size := into.H * into.W * into.C
			for failed.Load() == 0 && ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(files) {
					return
				}
				into.Labels[i] = files[i].label
				if errs[i] = d.one(into.Pixels[i*size:][:size], canvas, files[i].path, first); errs[i] != nil {
					failed.Store(1)
				}
			}
		})
	}
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// one reads a picture; canvas has its size.
func (d *Images) one(dst []uint8, canvas *image.RGBA, path, first string) error {
	header, content, err := open(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	to := canvas.Bounds()
	if len(d.Size) == 0 && (header.Width != to.Dx() || header.Height != to.Dy()) {
		return fmt.Errorf("%s has %dx%d pixels, %s has %dx%d; `size: [rows, columns]` resizes them all", path, header.Height, header.Width, first, to.Dy(), to.Dx())
	}
	img, _, err := image.Decode(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("%s: it is cut off or damaged (%w)", path, err)
	}
	if from := img.Bounds(); from.Size() == to.Size() {
		draw.Draw(canvas, to, img, from.Min, draw.Src)
	} else {
		draw.BiLinear.Scale(canvas, to, img, from, draw.Src, nil)
	}
	d.convert(dst, canvas)
	return nil
}

// convert writes a picture in as many channels as asked for.
func (d *Images) convert(dst []uint8, from *image.RGBA) {
	p := from.Pix
	for ; len(p) > 0; p = p[4:] {
		r, g, b, a := p[0], p[1], p[2], p[3]
		if d.Channels%2 == 0 && a > 0 { // colours are kept as if by themselves: undo the multiplication by opacity
			r, g, b = undo(r, a), undo(g, a), undo(b, a)
		}
		if d.Channels < 3 {
			r = uint8((19595*uint32(r) + 38470*uint32(g) + 7471*uint32(b) + 1<<15) >> 16) // rounded, as Pillow does
			dst[0] = r
		} else {
			dst[0], dst[1], dst[2] = r, g, b
		}
		if d.Channels%2 == 0 {
			dst[d.Channels-1] = a
		}
		dst = dst[d.Channels:]
	}
}

func undo(v, a uint8) uint8 { return uint8(min(255, (uint32(v)*255+uint32(a)/2)/uint32(a))) }

// open reads a picture file and its header.
func open(path string) (image.Config, []byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return image.Config{}, nil, reason(err)
	case !info.Mode().IsRegular():
		return image.Config{}, nil, errors.New("it is no file")
	case info.Size() == 0:
		return image.Config{}, nil, errors.New("it is empty")
	case info.Size() > mostFile:
		return image.Config{}, nil, fmt.Errorf("it has %d MB; pictures of more than %d MB are not read", info.Size()>>20, mostFile>>20)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return image.Config{}, nil, reason(err)
	}
	header, _, err := image.DecodeConfig(bytes.NewReader(content))
	switch {
	case errors.Is(err, image.ErrFormat):
		return header, nil, errors.New("it is neither PNG nor JPEG")
	case err != nil:
		return header, nil, fmt.Errorf("it is cut off or damaged (%w)", err)
	case header.Width < 1 || header.Height < 1:
		return header, nil, errors.New("it has no pixels")
	case int64(header.Width)*int64(header.Height) > mostPixels:
		return header, nil, fmt.Errorf("it has %dx%d pixels; pictures of more than %d million are not read", header.Height, header.Width, mostPixels/1_000_000)
	}
	return header, content, nil
}

// reason is an error without the operation and the path, which its reader knows.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// scan lists the pictures in a folder.
func scan(dir string) (*pictures, error) {
	fault := func(format string, args ...any) error { return &Fault{"dir", fmt.Sprintf(format, args...)} }
	if dir == "" {
		return nil, fault("is missing: images are read from the folder that it names, which has train/CLASS/*.png and test/CLASS/*.png")
	}
	top, err := folders(dir)
	if err != nil {
		where := ""
		if !filepath.IsAbs(dir) { // an experiment that runs in one folder may be evaluated in another
			where = " in the folder where exp runs"
		}
		return nil, fault("%s cannot be read: %v%s", dir, reason(err), where)
	}
	all := &pictures{}
	if !slices.Contains(top, "train") {
		if slices.Contains(top, "test") {
			return nil, fault("%s has the folder test, but no train beside it", dir)
		}
		if all.classes, all.train, err = classes(dir); err != nil {
			return nil, fault("%v", err)
		}
		return all, nil
	}
	for _, name := range top {
		if name != "train" && name != "test" {
			return nil, fault("%s has the folder %s beside train; only train and test are read, so rename it, or move it away", dir, name)
		}
	}
	if all.classes, all.train, err = classes(filepath.Join(dir, "train")); err != nil {
		return nil, fault("%v", err)
	}
	if !slices.Contains(top, "test") {
		return all, nil
	}
	names, test, err := classes(filepath.Join(dir, "test"))
	if err != nil {
		return nil, fault("%v", err)
	}
	for _, name := range all.classes {
		if !slices.Contains(names, name) {
			return nil, fault("%s has the class %s, but test has not", filepath.Join(dir, "train"), name)
		}
	}
	for _, name := range names {
		if !slices.Contains(all.classes, name) {
			return nil, fault("%s has the class %s, but train has not", filepath.Join(dir, "test"), name)
		}
	}
	all.test = test
	return all, nil
}

// folders are the names of the folders in a folder, sorted; hidden ones are left out.
func folders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && isFolder(dir, e) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func isFolder(dir string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := os.Stat(filepath.Join(dir, e.Name()))
	return err == nil && info.IsDir()
}

// classes lists the sub-folders of a folder and the pictures in each. What is hidden is left out; whatever else is not a
// picture by its name is an error, so that no picture is left out unseen.
func classes(dir string) (names []string, files []picture, err error) {
	if names, err = folders(dir); err != nil {
		return nil, nil, fmt.Errorf("%s cannot be read: %w", dir, reason(err))
	}
	if len(names) < 2 {
		return nil, nil, fmt.Errorf("%s has %d folders; there must be one for each class, and two classes at least", dir, len(names))
	}
	for label, name := range names {
		folder := filepath.Join(dir, name)
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, nil, fmt.Errorf("%s cannot be read: %w", folder, reason(err))
		}
		before := len(files)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") {
				continue
			}
			path := filepath.Join(folder, e.Name())
			if isFolder(folder, e) {
				return nil, nil, fmt.Errorf("%s is a folder; there must be pictures only in the folder of a class", path)
			}
			switch strings.ToLower(filepath.Ext(path)) {
			case ".png", ".jpg", ".jpeg":
				files = append(files, picture{path, int32(label)})
			default:
				return nil, nil, fmt.Errorf("%s is neither .png nor .jpg; convert it, or move it away", path)
			}
		}
		if len(files) == before {
			return nil, nil, fmt.Errorf("%s has no pictures", folder)
		}
	}
	return names, files, nil
}
