package data

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// painted is a picture whose colours depend on the place and on a number.
func painted(w, h, number int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetNRGBA(x, y, color.NRGBA{uint8(40 * number), uint8(16 * y), uint8(8 * x), 255})
		}
	}
	return img
}

func encoded(t testing.TB, img image.Image, format string) []byte {
	t.Helper()
	var out bytes.Buffer
	var err error
	if format == "jpg" {
		err = jpeg.Encode(&out, img, &jpeg.Options{Quality: 90})
	} else {
		err = png.Encode(&out, img)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// writeTree writes files, whose names may have folders.
func writeTree(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// zoo are two classes with two pictures each to train on, and one to test on: 4 rows, 6 columns.
func zoo(t testing.TB) map[string][]byte {
	return map[string][]byte{
		"train/cat/a.png":  encoded(t, painted(6, 4, 0), "png"),
		"train/cat/b.PNG":  encoded(t, painted(6, 4, 1), "png"),
		"train/ant/z.png":  encoded(t, painted(6, 4, 2), "png"),
		"train/ant/b.png":  encoded(t, painted(6, 4, 3), "png"),
		"test/ant/1.png":   encoded(t, painted(6, 4, 4), "png"),
		"test/cat/2.jpeg":  encoded(t, painted(6, 4, 5), "jpg"),
		"test/cat/.hidden": []byte("not looked at"),
		"README.txt":       []byte("not looked at"),
	}
}

// picturesFolder is a folder of pictures for tests of every data set.
func picturesFolder(t testing.TB) string { return writeTree(t, zoo(t)) }

func TestImagesAreReadInTheOrderOfTheirNames(t *testing.T) {
	d, env := &Images{Channels: 3}, Env{Dir: picturesFolder(t)}
	info, err := d.Info(env)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Info{Name: "images", Classes: []string{"ant", "cat"}, H: 4, W: 6, C: 3, Train: 4, Test: 2}); fmt.Sprint(info) != fmt.Sprint(want) {
		t.Errorf("Info is %v, not %v", info, want)
	}
	set, err := d.Load(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(set.Train.Labels, []int32{0, 0, 1, 1}) || !slices.Equal(set.Test.Labels, []int32{0, 1}) {
		t.Errorf("labels %v, %v", set.Train.Labels, set.Test.Labels)
	}
	for i, number := range []int{3, 2, 0, 1} {
		for y := range 4 {
			for x := range 6 {
				at := set.Train.Pixels[((i*4+y)*6+x)*3:][:3]
				if want := []uint8{uint8(40 * number), uint8(16 * y), uint8(8 * x)}; !slices.Equal(at, want) {
					t.Fatalf("picture %d, row %d, column %d is %v, not %v", i, y, x, at, want)
				}
			}
		}
	}
	if set.From != env.Dir || set.Hash == "" {
		t.Errorf("from %s, contents %s", set.From, set.Hash)
	}
	changed := zoo(t)
	changed["train/cat/a.png"] = encoded(t, painted(6, 4, 6), "png")
	other, err := d.Load(t.Context(), Env{Dir: writeTree(t, changed)})
	if err != nil || other.Hash == set.Hash {
		t.Errorf("another picture, the same contents: %v", err)
	}
}

// TestPixelsAreThoseOfTheImagePackage holds every format against the slow way through color.Color.
func TestPixelsAreThoseOfTheImagePackage(t *testing.T) {
	grey := image.NewGray(image.Rect(0, 0, 6, 4))
	deep := image.NewNRGBA64(image.Rect(0, 0, 6, 4))
	few := image.NewPaletted(image.Rect(0, 0, 6, 4), color.Palette{color.RGBA{1, 2, 3, 255}, color.RGBA{200, 100, 50, 255}})
	clear := painted(6, 4, 3)
	for i := range 24 {
		grey.Pix[i] = uint8(10 * i)
		few.Pix[i] = uint8(i % 2)
		deep.SetNRGBA64(i%6, i/6, color.NRGBA64{uint16(2700 * i), 65535, uint16(1000 * i), 65535})
		clear.Pix[4*i+3] = uint8(11 * i)
	}
	for name, content := range map[string][]byte{
		"grey": encoded(t, grey, "png"), "sixteen bits": encoded(t, deep, "png"), "palette": encoded(t, few, "png"),
		"opacity": encoded(t, clear, "png"), "JPEG": encoded(t, painted(6, 4, 2), "jpg"), "grey JPEG": encoded(t, grey, "jpg"),
	} {
		img, _, err := image.Decode(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		files := zoo(t)
		files["train/ant/b.png"] = content
		env := Env{Dir: writeTree(t, files)}
		for channels := 1; channels <= 4; channels++ {
			set, err := (&Images{Channels: channels}).Load(t.Context(), env)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 24 {
				c := img.At(i%6, i/6)
				r, g, b, a := c.RGBA()
				apart := color.NRGBAModel.Convert(c).(color.NRGBA)
				want := []uint8{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8)}
				if channels == 4 {
					want = []uint8{apart.R, apart.G, apart.B, apart.A}
				}
				if channels < 3 {
					if channels == 2 {
						want = []uint8{apart.R, apart.G, apart.B}
					}
					luma := 0.299*float64(want[0]) + 0.587*float64(want[1]) + 0.114*float64(want[2])
					want = []uint8{uint8(math.Round(luma)), uint8(a >> 8)}[:channels]
				}
				got := set.Train.Pixels[i*channels:][:channels]
				for k := range want {
					slack := 0 // undoing the multiplication by a small opacity loses bits
					if channels%2 == 0 && k < channels-1 && apart.A < 255 {
						slack = 255/max(1, int(apart.A)) + 1
					}
					if d := int(got[k]) - int(want[k]); d > slack || -d > slack {
						t.Fatalf("%s in %d channels: pixel %d is %v, not %v", name, channels, i, got, want)
					}
				}
			}
		}
	}
}

func TestImagesAreResized(t *testing.T) {
	files := zoo(t)
	files["train/ant/b.png"] = encoded(t, oneColour(40, 30), "png")
	checks := image.NewGray(image.Rect(0, 0, 64, 64))
	for i := range checks.Pix {
		checks.Pix[i] = uint8(255 * ((i + i/64) % 2))
	}
	files["train/ant/z.png"] = encoded(t, checks, "png")
	d, env := &Images{Size: []int{5, 7}, Channels: 3}, Env{Dir: writeTree(t, files)}
	info, err := d.Info(env)
	if err != nil || info.H != 5 || info.W != 7 {
		t.Fatalf("%v, %v", info, err)
	}
	set, err := d.Load(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 35 {
		if p := set.Train.Pixels[3*i:][:3]; !slices.Equal(p, []uint8{9, 99, 199}) {
			t.Errorf("one colour became %v", p)
		}
		if v := set.Train.Pixels[3*(35+i)]; v < 118 || v > 137 { // single pixels are averaged, not picked
			t.Errorf("a fine chequerboard became %d", v)
		}
	}
}

func oneColour(w, h int) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		copy(img.Pix[4*i:], []uint8{9, 99, 199, 255})
	}
	return img
}

func TestFoldersThatCannotBeUsed(t *testing.T) {
	none := func(map[string][]byte) {}
	rename := func(from, to string) func(map[string][]byte) {
		return func(f map[string][]byte) {
			for name, content := range f {
				if rest, ok := strings.CutPrefix(name, from); ok {
					f[to+rest] = content
					delete(f, name)
				}
			}
		}
	}
	for _, c := range []struct {
		name  string
		spoil func(f map[string][]byte)
		dir   string // in the folder
		want  string // DIR stands for the folder
	}{
		{"not there", none, "/no", "data.dir: DIR/no cannot be read: no such file or directory"},
		{"a file", none, "/README.txt", "data.dir: DIR/README.txt cannot be read: not a directory"},
		{"one class", rename("train/ant", "train/.ant"), "", "data.dir: DIR/train has 1 folders; there must be one for each class, and two classes at least"},
		{"a class that only training has", rename("train/cat", "train/dog"), "", "data.dir: DIR/train has the class dog, but test has not"},
		{"a class that only the test has", func(f map[string][]byte) { f["test/eel/1.png"] = nil }, "", "data.dir: DIR/test has the class eel, but train has not"},
		{"no training part", rename("train/", ".train/"), "", "data.dir: DIR has the folder test, but no train beside it"},
		{"another part", func(f map[string][]byte) { f["val/ant/1.png"] = nil }, "", "data.dir: DIR has the folder val beside train; only train and test are read, so rename it, or move it away"},
		{"no pictures", func(f map[string][]byte) { f["train/bee/.x"] = nil }, "", "data.dir: DIR/train/bee has no pictures"},
		{"another sort of file", func(f map[string][]byte) { f["train/ant/c.gif"] = nil }, "", "data.dir: DIR/train/ant/c.gif is neither .png nor .jpg; convert it, or move it away"},
		{"a folder in a class", func(f map[string][]byte) { f["train/ant/more/c.png"] = nil }, "", "data.dir: DIR/train/ant/more is a folder; there must be pictures only in the folder of a class"},
		{"an empty first picture", func(f map[string][]byte) { f["train/ant/b.png"] = nil }, "", "DIR/train/ant/b.png: it is empty"},
		{"a first picture that is none", func(f map[string][]byte) { f["train/ant/b.png"] = []byte("hello") }, "", "DIR/train/ant/b.png: it is neither PNG nor JPEG"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := zoo(t)
			c.spoil(files)
			dir := writeTree(t, files)
			_, err := (&Images{Channels: 3}).Info(Env{Dir: dir + c.dir})
			if want := strings.ReplaceAll(c.want, "DIR", dir); err == nil || err.Error() != want {
				t.Errorf("%v\nnot %s", err, want)
			}
			if _, err := (&Images{Channels: 3}).Load(t.Context(), Env{Dir: dir + c.dir}); err == nil || !strings.HasSuffix(err.Error(), strings.ReplaceAll(c.want, "DIR", dir)) {
				t.Errorf("when loading: %v", err)
			}
		})
	}
	_, err := (&Images{Channels: 3}).Info(Env{Dirs: []string{picturesFolder(t)}})
	if want := "data.dir: is missing: images are read from the folder that it names, which has train/CLASS/*.png and test/CLASS/*.png"; err == nil || err.Error() != want {
		t.Errorf("without a folder: %v", err)
	}
}

// huge is a PNG that says it has so many pixels, and has none.
func huge(w, h uint32) []byte {
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("IHDR"), w), h)
	header = append(header, 8, 2, 0, 0, 0)
	out := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), header...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(header))
}

func TestPicturesThatCannotBeRead(t *testing.T) {
	whole, photo := encoded(t, painted(6, 4, 1), "png"), encoded(t, painted(6, 4, 1), "jpg")
	for _, c := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"empty", nil, ": it is empty"},
		{"cut off", whole[:len(whole)-20], ": it is cut off or damaged (png: invalid format: unexpected EOF)"},
		{"cut in the header", whole[:20], ": it is cut off or damaged (unexpected EOF)"},
		{"JPEG, cut off", photo[:len(photo)*3/4], ": it is cut off or damaged (unexpected EOF)"},
		{"damaged", append(append(slices.Clone(whole[:50]), 1, 2, 3), whole[53:]...), ": it is cut off or damaged (png: invalid format: "},
		{"text", []byte("hello"), ": it is neither PNG nor JPEG"},
		{"huge", huge(1_000_000, 1_000_000), ": it has 1000000x1000000 pixels; pictures of more than 100 million are not read"},
		{"another size", encoded(t, painted(4, 6, 1), "png"), " has 6x4 pixels, DIR/train/ant/b.png has 4x6; `size: [rows, columns]` resizes them all"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := zoo(t)
			files["train/cat/a.png"] = c.content
			dir := writeTree(t, files)
			_, err := (&Images{Channels: 3}).Load(t.Context(), Env{Dir: dir})
			if want := "read images: " + dir + "/train/cat/a.png" + strings.ReplaceAll(c.want, "DIR", dir); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%v\nnot %s", err, want)
			}
		})
	}
	t.Run("more than memory holds", func(t *testing.T) {
		_, err := (&Images{Channels: 4, Size: []int{1 << 17, 1 << 17}}).Load(t.Context(), Env{Dir: picturesFolder(t)})
		if want := "read images: 6 pictures of 131072x131072 in 4 channels take 412 GB of memory; a smaller `size` makes them fit"; err == nil || err.Error() != want {
			t.Error(err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		for asked := range 4 {
			if _, err := (&Images{Channels: 3}).Load(expireAfter(t, asked), Env{Dir: picturesFolder(t)}); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled after %d steps: %v", asked, err)
			}
		}
	})
}

func TestImagesWithoutATestPartAreSplit(t *testing.T) {
	for _, prefix := range []string{"", "train/"} {
		files := map[string][]byte{}
		for i := range 10 {
			for _, class := range []string{"ant", "cat"} {
				files[fmt.Sprintf("%s%s/%d.png", prefix, class, i)] = encoded(t, painted(3, 5, i%6), "png")
			}
		}
		cfg := Defaults()
		cfg.Dataset, cfg.Dir = &Images{Channels: 1}, writeTree(t, files)
		info, err := cfg.Info(Env{})
		if err != nil {
			t.Fatal(err)
		}
		if err := cfg.Check(info); err == nil || err.Error() != "data.validation: images has no test part; give a share of the training examples to evaluate on, such as 0.1" {
			t.Errorf("without a split: %v", err)
		}
		cfg.Validation = Validation{Fraction: 0.2}
		p, err := Prepare(t.Context(), cfg, 1, Env{Warn: func(text string) { t.Error(text) }})
		if err != nil {
			t.Fatal(err)
		}
		if p.Train.Len() != 16 || count(p.Val) != "[2 2 0]" {
			t.Errorf("%d to train on, %s to evaluate on", p.Train.Len(), count(p.Val))
		}
	}
}

func FuzzImages(f *testing.F) {
	for _, content := range zoo(f) {
		f.Add(content, uint8(0))
	}
	f.Add(encoded(f, painted(6, 4, 1), "jpg"), uint8(1))
	f.Add(huge(1_000_000, 7), uint8(2))
	f.Add(huge(9, 7), uint8(3))
	files := zoo(f)
	dir := writeTree(f, files)
	f.Fuzz(func(t *testing.T, content []byte, how uint8) {
		// Fuzzing cannot make checksums, so those of a PNG are put right.
		content = repaired(content)
		path := filepath.Join(dir, "train", "ant", "b.png")
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		d := &Images{Channels: 1 + int(how%4)}
		if how&4 != 0 {
			d.Size = []int{3, 5}
		}
		info, err := d.Info(Env{Dir: dir})
		if err == nil && info.H*info.W > 1<<16 {
			return // nothing but slow
		}
		set, loading := d.Load(t.Context(), Env{Dir: dir})
		if err != nil && loading == nil {
			t.Errorf("Info says %v, Load nothing", err)
		}
		if loading != nil && !strings.Contains(loading.Error(), dir) {
			t.Errorf("%v names no file", loading)
		}
		if loading == nil && (len(set.Train.Pixels) != 4*info.H*info.W*info.C || len(set.Train.Labels) != 4) {
			t.Errorf("%d pixels, %d labels, %v", len(set.Train.Pixels), len(set.Train.Labels), info)
		}
	})
}

// repaired is a PNG with the right checksums, as far as its chunks can be followed.
func repaired(content []byte) []byte {
	out := slices.Clone(content)
	for at := 8; at+12 <= len(out); {
		n := int(binary.BigEndian.Uint32(out[at:]))
		if n > len(out)-at-12 {
			break
		}
		binary.BigEndian.PutUint32(out[at+8+n:], crc32.ChecksumIEEE(out[at+4:at+8+n]))
		at += 12 + n
	}
	return out
}
