package checkpoint

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata/ours.safetensors; check it with scripts/pytorch/golden.py --check")

// sample is what scripts/pytorch/golden.py has too.
var (
	sample = []Tensor{
		{"stem.conv.weight", []int{2, 3, 1, 1}, []float32{0, 0.25, 0.5, 0.75, 1, 1.25}},
		{"stem.conv.bias", []int{2}, []float32{float32(math.Copysign(0, -1)), 1e-38}},
		{"scale", []int{}, []float32{1.0 / 3}},
		{"nothing", []int{0, 4}, []float32{}},
	}
	sampleMeta = map[string]string{"epoch": "3", "name": "a ä ☃ \"quoted\""}
)

func same(a, b []Tensor) bool {
	return slices.EqualFunc(a, b, func(a, b Tensor) bool {
		return a.Name == b.Name && slices.Equal(a.Shape, b.Shape) && slices.EqualFunc(a.F32, b.F32, func(x, y float32) bool {
			return math.Float32bits(x) == math.Float32bits(y)
		})
	})
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	long := make([]float32, 2*chunk+1)
	for i := range long {
		long[i] = float32(i)
	}
	for name, c := range map[string]struct {
		tensors []Tensor
		meta    map[string]string
	}{
		"sample":        {sample, sampleMeta},
		"nothing":       {[]Tensor{}, map[string]string{}},
		"not numbers":   {[]Tensor{{"x", []int{3}, []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}}}, nil},
		"many chunks":   {[]Tensor{{"long", []int{len(long)}, long}, {"after", []int{1}, []float32{7}}}, nil},
		"strange names": {[]Tensor{{"", []int{1}, []float32{1}}, {"<\n\"\x00☃", []int{1}, []float32{2}}}, map[string]string{"": "\t"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "weights.safetensors")
			if err := Write(path, c.tensors, c.meta); err != nil {
				t.Fatal(err)
			}
			tensors, meta, err := Read(path)
			if err != nil {
				t.Fatal(err)
			}
			if !same(tensors, c.tensors) {
				t.Errorf("read %v, want %v", tensors, c.tensors)
			}
			if !maps.Equal(meta, c.meta) {
				t.Errorf("metadata %v, want %v", meta, c.meta)
			}
		})
	}
}

func TestReadsWhatTheFormatsOwnLibraryWrites(t *testing.T) {
	tensors, meta, err := Read("testdata/library.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	byName := func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(tensors, byName)
	if want := slices.SortedFunc(slices.Values(sample), byName); !same(tensors, want) || !maps.Equal(meta, sampleMeta) {
		t.Errorf("read %v and %v, want %v and %v", tensors, meta, want, sampleMeta)
	}
}

func TestWritesTheBytesThatTheLibraryWasSeenToRead(t *testing.T) {
	const golden = "testdata/ours.safetensors"
	path := filepath.Join(t.TempDir(), "weights.safetensors")
	if *update {
		path = golden
	}
	if err := Write(path, sample, sampleMeta); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("wrote\n%q, want\n%q", got, want)
	}
}

func TestRefusesToWrite(t *testing.T) {
	one := []float32{1}
	for _, c := range []struct {
		tensors []Tensor
		meta    map[string]string
		want    string
	}{
		{[]Tensor{{"w", []int{1}, one}, {"w", []int{1}, one}}, nil, `tensor "w": the name is taken`},
		{[]Tensor{{"__metadata__", []int{1}, one}}, nil, `tensor "__metadata__": the name is taken`},
		{[]Tensor{{"w", []int{2}, one}}, nil, `tensor "w": shape [2] does not hold 1 numbers`},
		{[]Tensor{{"w", []int{-1, -1}, one}}, nil, `tensor "w": shape [-1 -1] does not hold 1 numbers`},
		{nil, map[string]string{"sha256": "0"}, `metadata "sha256" is the checksum's own`},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "weights.safetensors")
		err := Write(path, c.tensors, c.meta)
		if want := "write checkpoint " + path + ": " + c.want; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s is left", left[0].Name())
		}
	}
}

// file is a safetensors file with any header and data.
func file(header string, data []byte) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...)
}

func TestBadFiles(t *testing.T) {
	w := func(fields string) string { return `{"w":{` + fields + `}}` }
	for _, c := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"empty", nil, "0 bytes are too short for a safetensors file"},
		{"seven bytes", make([]byte, 7), "7 bytes are too short for a safetensors file"},
		{"header longer than the file", file("{}", nil)[:9], "the header should have 2 bytes, but the file has 9; cut off, or not a safetensors file"},
		{"header longer than memory", bytes.Repeat([]byte{255}, 16), "the header should have 18446744073709551615 bytes, but the file has 16; cut off, or not a safetensors file"},
		{"no JSON", file("PK\x03\x04", nil), "header: a JSON object was expected"},
		{"no header", file("", nil), "header: a JSON object was expected"},
		{"a list", file("[]", nil), "header: a JSON object was expected"},
		{"not UTF-8", file("{\"\xff\":1}", nil), "header: not UTF-8"},
		{"unfinished", file(`{"w":`, nil), `header: "w": a JSON object was expected`},
		{"no fields", file(w(``), nil), `tensor "w" has the type ""; only F32 is read`},
		{"text after it", file(`{}{}`, nil), "header: more text after the JSON object"},
		{"unknown field", file(w(`"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1`), make([]byte, 4)), `header: "w": "x": not a field of the format`},
		{"twice the same name", file(`{"w":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"w":{}}`, nil), `header: "w" comes twice`},
		{"twice the same metadata", file(`{"__metadata__":{"a":"1","a":"2"}}`, nil), `header: "__metadata__": "a" comes twice`},
		{"metadata that is no text", file(`{"__metadata__":{"a":1}}`, nil), `header: "__metadata__": "a": json`},
		{"metadata that is null", file(`{"__metadata__":{"a":null}}`, nil), `header: "__metadata__": "a": null is not a text`},
		{"half precision", file(w(`"dtype":"F16","shape":[2],"data_offsets":[0,4]`), make([]byte, 4)), `tensor "w" has the type "F16"; only F32 is read`},
		{"double precision", file(w(`"dtype":"F64","shape":[1],"data_offsets":[0,8]`), make([]byte, 8)), `tensor "w" has the type "F64"; only F32 is read`},
		{"null", file(`{"w":null}`, nil), `header: "w": a JSON object was expected`},
		{"another case", file(w(`"DTYPE":"F32"`), nil), `header: "w": "DTYPE": not a field of the format`},
		{"no shape", file(w(`"dtype":"F32","data_offsets":[0,4]`), make([]byte, 4)), `tensor "w" needs shape and two data_offsets`},
		{"three offsets", file(w(`"dtype":"F32","shape":[1],"data_offsets":[0,4,4]`), make([]byte, 4)), `tensor "w" needs shape and two data_offsets`},
		{"beyond the end", file(w(`"dtype":"F32","shape":[2],"data_offsets":[0,8]`), make([]byte, 4)), `tensor "w" should be at bytes 0 to 8 of the data, which has 4; the file is cut off or damaged`},
		{"before the start", file(w(`"dtype":"F32","shape":[1],"data_offsets":[-4,0]`), make([]byte, 4)), `tensor "w" should be at bytes -4 to 0 of the data`},
		{"backwards", file(w(`"dtype":"F32","shape":[1],"data_offsets":[4,0]`), make([]byte, 4)), `tensor "w" should be at bytes 4 to 0 of the data`},
		{"wrong shape", file(w(`"dtype":"F32","shape":[3],"data_offsets":[0,4]`), make([]byte, 4)), `tensor "w": shape [3] does not fit 4 bytes`},
		{"negative shape", file(w(`"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]`), make([]byte, 4)), `tensor "w": shape [-1 -1] does not fit 4 bytes`},
		{"a shape that overflows", file(w(`"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]`), nil), `tensor "w": shape [4294967296 4294967296] does not fit 0 bytes`},
		{"a shape that is no whole number", file(w(`"dtype":"F32","shape":[1.5],"data_offsets":[0,4]`), make([]byte, 4)), `header: "w": "shape": json`},
		{"overlap", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, make([]byte, 8)), `tensor "b" begins at byte 4 of the data; the one before it ends at 8`},
		{"gap", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}`, make([]byte, 12)), `tensor "b" begins at byte 8 of the data; the one before it ends at 4`},
		{"bytes too many", file(w(`"dtype":"F32","shape":[1],"data_offsets":[0,4]`), make([]byte, 7)), `3 bytes of data belong to no tensor`},
		{"wrong checksum", file(`{"__metadata__":{"sha256":"12"}}`, nil), "the data is damaged: its SHA-256 is e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855, but 12 was written"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bad.safetensors")
			if err := os.WriteFile(path, c.content, 0o666); err != nil {
				t.Fatal(err)
			}
			_, _, err := Read(path)
			if want := "read checkpoint " + path + ": " + c.want; err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%v\nwant %s", err, want)
			}
		})
	}
}

func TestNoFile(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "nowhere"), os.DevNull} {
		if _, _, err := Read(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := Write(filepath.Join(dir, "nowhere", "file"), sample, nil); err == nil {
		t.Error("wrote into a folder that is not there")
	}
}

// written is the bytes of the sample's file.
func written(t testing.TB) []byte {
	t.Helper()
	head, err := header(sample, sampleMeta)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := write(&b, head, sample); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decodeBytes(content []byte) ([]Tensor, map[string]string, error) {
	return decode(bytes.NewReader(content), int64(len(content)))
}

func TestEveryCutIsNoticed(t *testing.T) {
	content := written(t)
	for n := range content {
		if _, _, err := decodeBytes(content[:n]); err == nil {
			t.Errorf("%d of %d bytes are read without an error", n, len(content))
		}
	}
	if _, _, err := decode(bytes.NewReader(content[:len(content)-1]), int64(len(content))); err == nil {
		t.Error("a file that shrinks while it is read is read without an error")
	}
}

func TestEveryFlippedBitIsNoticed(t *testing.T) {
	content := written(t)
	start := lengthSize + int(binary.LittleEndian.Uint64(content))
	for i := range content {
		for bit := range 8 {
			bad := bytes.Clone(content)
			bad[i] ^= 1 << bit
			tensors, meta, err := decodeBytes(bad)
			if err != nil {
				continue
			}
			// A flipped bit in a name or a text of the header gives another name or text, and nothing else.
			if i >= start || same(tensors, sample) && maps.Equal(meta, sampleMeta) {
				t.Errorf("bit %d of byte %d (%q) is not noticed", bit, i, content[i])
			}
		}
	}
}

func TestAKilledWriterLeavesWholeFilesOfOneWrite(t *testing.T) {
	const variable = "CHECKPOINT_TEST_WRITE"
	names := []string{"big", "small", "smaller"}
	writeAll := func(dir string, k int) error {
		var files []File
		for i, name := range names {
			weights := slices.Repeat([]float32{float32(k)}, 1<<(16-4*i))
			files = append(files, File{name, []Tensor{{"w", []int{len(weights)}, weights}}})
		}
		return WriteAll(dir, files, map[string]string{"k": fmt.Sprint(k)})
	}
	if dir := os.Getenv(variable); dir != "" { // the child writes until it is killed
		for k := 1; ; k++ {
			if err := writeAll(dir, k); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir := t.TempDir()
	if err := writeAll(dir, 0); err != nil {
		t.Fatal(err)
	}
	for round := range 24 {
		child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), variable+"="+dir)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+7*round) * time.Millisecond)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		child.Wait()
		if err := Finish(dir); err != nil {
			t.Fatal(err)
		}
		writes := map[string]bool{}
		for _, name := range names {
			tensors, meta, err := Read(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(tensors[0].F32[0]); got != meta["k"] {
				t.Errorf("the weights are of write %s, the metadata of write %s", got, meta["k"])
			}
			writes[meta["k"]] = true
		}
		if len(writes) != 1 {
			t.Errorf("the files are of several writes: %v", slices.Collect(maps.Keys(writes)))
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(written(f))
	f.Add(file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"b":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}   `, make([]byte, 8)))
	library, err := os.ReadFile("testdata/library.safetensors")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(library)
	f.Fuzz(func(t *testing.T, content []byte) {
		tensors, meta, err := decodeBytes(content)
		if err != nil {
			return
		}
		for _, tensor := range tensors {
			if n, ok := count(tensor.Shape); !ok || n != int64(len(tensor.F32)) {
				t.Fatalf("tensor %q: shape %v, %d numbers", tensor.Name, tensor.Shape, len(tensor.F32))
			}
		}
		head, err := header(tensors, meta)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := write(&b, head, tensors); err != nil {
			t.Fatal(err)
		}
		again, meta2, err := decodeBytes(b.Bytes())
		if err != nil || !same(tensors, again) || !maps.Equal(meta, meta2) {
			t.Fatalf("written and read again: %v", err)
		}
	})
}

func TestFilesThatBelongTogetherAreReplacedTogether(t *testing.T) {
	dir := t.TempDir()
	number := func(x float32) []Tensor { return []Tensor{{Name: "x", F32: []float32{x}}} }
	holds := func(want float32) {
		t.Helper()
		for _, name := range []string{"a", "b"} {
			if ts, _, err := Read(filepath.Join(dir, name)); err != nil || ts[0].F32[0] != want {
				t.Errorf("%s: %v, %v; want %v", name, ts, err, want)
			}
		}
		if files, err := os.ReadDir(dir); err != nil || len(files) != 2 {
			t.Errorf("left: %v, %v", files, err)
		}
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(WriteAll(dir, []File{{"a", number(1)}, {"b", number(1)}}, nil))
	holds(1)
	err := WriteAll(dir, []File{{"a", number(2)}, {"b", append(number(2), number(2)...)}}, nil)
	if err == nil || !strings.Contains(err.Error(), "write checkpoint "+filepath.Join(dir, "b")) {
		t.Errorf("a name that comes twice: %v", err)
	}
	holds(1)

	// As a death between two moves leaves it, twice.
	ok(WriteAll(dir, []File{{"a", number(3)}, {"b", number(3)}}, nil))
	back := func() {
		ok(os.Mkdir(filepath.Join(dir, saved), 0o777))
		ok(os.Rename(filepath.Join(dir, "b"), filepath.Join(dir, saved, "b")))
		ok(os.WriteFile(filepath.Join(dir, "b"), nil, 0o666))
	}
	back()
	ok(Finish(dir))
	holds(3)
	ok(os.Mkdir(filepath.Join(dir, unsaved), 0o777)) // and one before all are on the disk
	ok(os.WriteFile(filepath.Join(dir, unsaved, "a"), nil, 0o666))
	ok(Finish(dir))
	holds(3)
	back()
	ok(WriteAll(dir, []File{{"a", number(4)}}, nil))
	if ts, _, err := Read(filepath.Join(dir, "b")); err != nil || ts[0].F32[0] != 3 {
		t.Errorf("b: %v, %v", ts, err)
	}
}
