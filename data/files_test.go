package data

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// small is a CIFAR of two training files and one test file of three 2x2 pictures in three classes, at url.
func small(url string, archive []byte) *cifar {
	sum := sha256.Sum256(archive)
	return &cifar{
		title:   "CIFAR-small",
		archive: remote{url + "/small.tar.gz", int64(len(archive)), hex.EncodeToString(sum[:])},
		folder:  "small-bin",
		train:   []string{"one.bin", "two.bin"},
		test:    []string{"test.bin"},
		side:    2, labels: 1,
		names: "names.txt",
		info:  Info{Name: "small", Classes: []string{"ant", "bee", "cow"}, H: 2, W: 2, C: 3, Train: 6, Test: 3},
	}
}

// smallFiles are its files. The bytes of a picture count up from 16 times its number.
func smallFiles() map[string][]byte {
	files := map[string][]byte{"names.txt": []byte("ant\nbee\ncow\n\n")}
	number := 0
	for _, name := range []string{"one.bin", "two.bin", "test.bin"} {
		for label := range 3 {
			files[name] = append(files[name], byte(label))
			for i := range 12 {
				files[name] = append(files[name], byte(16*number+i))
			}
			number++
		}
	}
	return files
}

type tarEntry struct {
	name    string
	content []byte
	kind    byte
}

func tarGz(t testing.TB, entries ...tarEntry) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Size: int64(len(e.content)), Mode: 0o644, Typeflag: e.kind}
		if e.kind == tar.TypeSymlink {
			header.Linkname, header.Size = "/etc/passwd", 0
		}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if header.Size > 0 {
			archive.Write(e.content)
		}
	}
	archive.Close()
	zipped.Close()
	return out.Bytes()
}

func smallArchive(t testing.TB) []byte {
	entries := []tarEntry{{"small-bin/", nil, tar.TypeDir}, {"small-bin/readme.html", []byte("hello"), tar.TypeReg}}
	files := smallFiles()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		entries = append(entries, tarEntry{"small-bin/" + name, files[name], tar.TypeReg})
	}
	return tarGz(t, entries...)
}

func writeFiles(t *testing.T, dir string, files map[string][]byte) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// checkSmall says whether a set is what smallFiles holds.
func checkSmall(t *testing.T, set *Set) {
	t.Helper()
	if !slices.Equal(set.Train.Labels, []int32{0, 1, 2, 0, 1, 2}) || !slices.Equal(set.Test.Labels, []int32{0, 1, 2}) {
		t.Errorf("labels %v, %v", set.Train.Labels, set.Test.Labels)
	}
	// from planes to pixels
	if got, want := set.Train.Pixels[12:24], []uint8{16, 20, 24, 17, 21, 25, 18, 22, 26, 19, 23, 27}; !slices.Equal(got, want) {
		t.Errorf("picture 1 is %v, not %v", got, want)
	}
	if set.Test.Pixels[0] != 96 {
		t.Errorf("the first test picture begins with %d", set.Test.Pixels[0])
	}
}

func TestCIFARIsFound(t *testing.T) {
	archive := smallArchive(t)
	unpacked := func(dir string) func(t *testing.T, base string) {
		return func(t *testing.T, base string) { writeFiles(t, filepath.Join(base, dir), smallFiles()) }
	}
	for _, c := range []struct {
		name, from string
		put        func(t *testing.T, base string)
		warning    string
	}{
		{"the folder itself", "a", unpacked("a"), "may hold other pictures"},
		{"its usual sub-folder", "a/small-bin", unpacked("a/small-bin"), "may hold other pictures"},
		{"the second folder", "b/small-bin", unpacked("b/small-bin"), "may hold other pictures"},
		{"the cache, last", "cache/small-bin", unpacked("cache/small-bin"), "may hold other pictures"},
		{"the archive", "b/small.tar.gz", func(t *testing.T, base string) {
			writeFiles(t, filepath.Join(base, "b"), map[string][]byte{"small.tar.gz": archive})
			writeFiles(t, filepath.Join(base, "cache/small-bin"), smallFiles())
		}, ""},
		{"another archive", "a/small.tar.gz", func(t *testing.T, base string) {
			other := append(slices.Clone(archive), tarGz(t)...)
			writeFiles(t, filepath.Join(base, "a"), map[string][]byte{"small.tar.gz": other})
		}, "is not the official archive (SHA-256 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := t.TempDir()
			c.put(t, base)
			var said []string
			env := Env{
				Dirs:    []string{filepath.Join(base, "a"), filepath.Join(base, "b")},
				Cache:   filepath.Join(base, "cache"),
				Offline: true,
				Warn:    func(s string) { said = append(said, s) },
			}
			set, err := small("http://nowhere.invalid", archive).load(t.Context(), env)
			if err != nil {
				t.Fatal(err)
			}
			checkSmall(t, set)
			if want := filepath.Join(base, c.from); set.From != want {
				t.Errorf("read from %s, not %s", set.From, want)
			}
			if all := strings.Join(said, "\n"); !strings.Contains(all, c.warning) || (c.warning == "") != (all == "") {
				t.Errorf("warned %q", all)
			}
		})
	}
}

func TestCIFARClassNamesMayBeOthers(t *testing.T) {
	files := smallFiles()
	files["names.txt"] = []byte("x\r\ny\r\nz")
	set, err := small("", nil).load(t.Context(), Env{Dirs: []string{writeFiles(t, t.TempDir(), files)}})
	if err != nil || !slices.Equal(set.Info.Classes, []string{"x", "y", "z"}) {
		t.Errorf("%v, %v", set, err)
	}
	delete(files, "names.txt")
	set, err = small("", nil).load(t.Context(), Env{Dirs: []string{writeFiles(t, t.TempDir(), files)}})
	if err != nil || !slices.Equal(set.Info.Classes, []string{"ant", "bee", "cow"}) {
		t.Errorf("%v, %v", set, err)
	}
}

// TestARecordMayHaveTwoLabels reads what CIFAR-100 looks like: a part's files are of different sizes, and either label can
// be asked for once the archive is unpacked.
func TestARecordMayHaveTwoLabels(t *testing.T) {
	record := func(coarse, fine byte) []byte { return append([]byte{coarse, fine}, make([]byte, 12)...) }
	archive := tarGz(t,
		tarEntry{"two/train.bin", slices.Concat(record(0, 1), record(1, 2), record(0, 0)), tar.TypeReg},
		tarEntry{"two/test.bin", record(1, 2), tar.TypeReg},
		tarEntry{"two/fine.txt", []byte("ant\nbee\ncat\n"), tar.TypeReg},
		tarEntry{"two/coarse.txt", []byte("insect\nother\n"), tar.TypeReg},
	)
	s := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.Write(archive) })
	format := func(label int, names string, others ...string) *cifar {
		f := small(s.URL, archive)
		f.folder, f.train, f.test, f.labels, f.label, f.names, f.others = "two", []string{"train.bin"}, []string{"test.bin"}, 2, label, names, others
		f.info.Train, f.info.Test = 3, 1
		return f
	}
	env := Env{Cache: t.TempDir(), Warn: func(text string) { t.Error(text) }}
	fine, err := format(1, "fine.txt", "coarse.txt").load(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	coarse := format(0, "coarse.txt", "fine.txt")
	coarse.info.Classes = []string{"a", "b"}
	groups, err := coarse.load(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(fine.Train.Labels, []int32{1, 2, 0}) || fine.Info.Classes[2] != "cat" {
		t.Errorf("fine: %v, %v", fine.Train.Labels, fine.Info.Classes)
	}
	if !slices.Equal(groups.Train.Labels, []int32{0, 1, 0}) || !slices.Equal(groups.Info.Classes, []string{"insect", "other"}) {
		t.Errorf("coarse: %v, %v", groups.Train.Labels, groups.Info.Classes)
	}
	if len(s.requests) != 1 || fine.Hash == groups.Hash {
		t.Errorf("%d downloads, hashes %s and %s", len(s.requests), fine.Hash, groups.Hash)
	}
}

func TestBadCIFARFiles(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(files map[string][]byte)
		want  string // after the folder
	}{
		{"a file is missing", func(f map[string][]byte) { delete(f, "two.bin") }, " has some of the files but not two.bin"},
		{"cut within a record", func(f map[string][]byte) { f["two.bin"] = f["two.bin"][:20] }, "/two.bin: it has 20 bytes, not 39 (3 records of 13): it ends in record 1, counted from 0"},
		{"cut between records", func(f map[string][]byte) { f["two.bin"] = f["two.bin"][:26] }, "/two.bin: it has 26 bytes, not 39 (3 records of 13): it ends in record 2, counted from 0"},
		{"empty", func(f map[string][]byte) { f["test.bin"] = nil }, "/test.bin: it has 0 bytes, not 39 (3 records of 13): it ends in record 0, counted from 0"},
		{"too long", func(f map[string][]byte) { f["one.bin"] = append(f["one.bin"], 7) }, "/one.bin: it has 40 bytes, not 39 (3 records of 13): it ends in record 3, counted from 0"},
		{"a label out of range", func(f map[string][]byte) { f["one.bin"][26] = 3 }, "/one.bin: record 2, counted from 0: the label is 3; there are 0 to 2"},
		{"too few names", func(f map[string][]byte) { f["names.txt"] = []byte("ant\n") }, "/names.txt: it names 1 classes, not 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := smallFiles()
			c.spoil(files)
			dir := writeFiles(t, t.TempDir(), files)
			_, err := small("", nil).load(t.Context(), Env{Dirs: []string{dir}})
			if want := "read CIFAR-small: " + dir + c.want; err == nil || err.Error() != want {
				t.Errorf("%v\nnot %s", err, want)
			}
		})
	}
}

func TestBadArchives(t *testing.T) {
	good, files := smallArchive(t), smallFiles()
	rest := func(first ...tarEntry) []byte {
		for _, name := range []string{"names.txt", "one.bin", "two.bin", "test.bin"} {
			if first[0].name != "small-bin/"+name {
				first = append(first, tarEntry{"small-bin/" + name, files[name], tar.TypeReg})
			}
		}
		return tarGz(t, first...)
	}
	for _, c := range []struct {
		name    string
		archive []byte
		want    string
	}{
		{"not compressed", []byte("hello, I am no archive"), "unpack: gzip: invalid header"},
		{"cut off", good[:len(good)/2], "unexpected EOF; it is cut off or damaged: get it again"},
		{"a file too long", rest(tarEntry{"small-bin/one.bin", make([]byte, 1000), tar.TypeReg}), "unpack one.bin: it has 1000 bytes, not 39"},
		{"a file too short", rest(tarEntry{"small-bin/one.bin", make([]byte, 10), tar.TypeReg}), "unpack one.bin: it has 10 bytes, not 39"},
		{"a link in place of a file", rest(tarEntry{"small-bin/one.bin", nil, tar.TypeSymlink}), "unpack: there is no small-bin/one.bin"},
		{"a file outside its folder", rest(tarEntry{"../small-bin/one.bin", files["one.bin"], tar.TypeReg}, tarEntry{"/small-bin/two.bin", nil, tar.TypeReg}), ""},
		{"very much of something else", rest(tarEntry{"small-bin/bomb", make([]byte, 3<<20), tar.TypeReg}), "unexpected EOF"},
		{"a label out of range", rest(tarEntry{"small-bin/one.bin", bytes.Repeat([]byte{9}, 39), tar.TypeReg}), "one.bin: record 0, counted from 0: the label is 9; there are 0 to 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := writeFiles(t, t.TempDir(), map[string][]byte{"small.tar.gz": c.archive})
			cache := t.TempDir()
			_, err := small("", nil).loadArchive(t.Context(), Env{}, filepath.Join(dir, "small.tar.gz"), filepath.Join(cache, "small-bin"))
			if c.want == "" && err == nil {
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "small.tar.gz") {
				t.Errorf("%v\nnot %s", err, c.want)
			}
			if left, _ := os.ReadDir(cache); len(left) > 0 {
				t.Errorf("it left %v", left)
			}
		})
	}
}

// server serves one archive and can be told to misbehave.
type server struct {
	*httptest.Server
	requests []string // the Range of each
}

func serve(t *testing.T, handle func(n int, w http.ResponseWriter, r *http.Request)) *server {
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests = append(s.requests, r.Header.Get("Range"))
		handle(len(s.requests), w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestDownload(t *testing.T) {
	archive := smallArchive(t)
	content := func(w http.ResponseWriter, r *http.Request, b []byte) {
		var from int
		if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); n == 1 {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(b)-1, len(b)))
			w.Header().Set("Content-Length", fmt.Sprint(len(b)-from))
			w.WriteHeader(http.StatusPartialContent)
		} else {
			w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		}
		w.Write(b[from:])
	}
	cut := func(w http.ResponseWriter, n int) { // promises all, sends the first n bytes
		w.Header().Set("Content-Length", fmt.Sprint(len(archive)))
		w.Write(archive[:n])
	}
	other := slices.Clone(archive)
	other[20] ^= 1
	for _, c := range []struct {
		name   string
		part   []byte // left from before
		handle func(n int, w http.ResponseWriter, r *http.Request)
		asked  string // the ranges asked for
		want   string // error
	}{
		{"all goes well", nil, func(_ int, w http.ResponseWriter, r *http.Request) { content(w, r, archive) }, `[""]`, ""},
		{"cut and continued", nil, func(n int, w http.ResponseWriter, r *http.Request) {
			if n == 1 {
				cut(w, 100)
				return
			}
			content(w, r, archive)
		}, `["" "bytes=100-"]`, ""},
		{"continued after the program ended", archive[:50], func(_ int, w http.ResponseWriter, r *http.Request) { content(w, r, archive) }, `["bytes=50-"]`, ""},
		{"all was there but the name", archive, func(_ int, w http.ResponseWriter, r *http.Request) {}, `[]`, ""},
		{"a server without ranges", archive[:50], func(n int, w http.ResponseWriter, r *http.Request) { w.Write(archive) }, `["bytes=50-"]`, ""},
		{"what was there is wrong", other[:50], func(_ int, w http.ResponseWriter, r *http.Request) { content(w, r, archive) }, `["bytes=50-" ""]`, ""},
		{"too much was there", append(slices.Clone(archive), 1), func(_ int, w http.ResponseWriter, r *http.Request) { content(w, r, archive) }, `[""]`, ""},
		{"a wrong range, then all", archive[:50], func(n int, w http.ResponseWriter, r *http.Request) {
			if n == 1 {
				w.Header().Set("Content-Range", "bytes 7-9/10")
				w.WriteHeader(http.StatusPartialContent)
				return
			}
			content(w, r, archive)
		}, `["bytes=50-" ""]`, ""},
		{"refused range, then all", archive[:50], func(n int, w http.ResponseWriter, r *http.Request) {
			if n == 1 {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return
			}
			content(w, r, archive)
		}, `["bytes=50-" ""]`, ""},
		{"busy at first", nil, func(n int, w http.ResponseWriter, r *http.Request) {
			if n < 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			content(w, r, archive)
		}, `["" "" ""]`, ""},
		{"busy for ever", nil, func(n int, w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadGateway) }, `["" "" "" "" ""]`, "the server says 502 Bad Gateway"},
		{"not there", nil, func(n int, w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }, `[""]`, "the server says 404 Not Found"},
		{"other contents", nil, func(_ int, w http.ResponseWriter, r *http.Request) { content(w, r, other) }, `[""]`, "wrong checksum: SHA-256 is "},
		{"another length", nil, func(_ int, w http.ResponseWriter, r *http.Request) { content(w, r, archive[1:]) }, `[""]`, "bytes, not "},
		{"no length, and no end", nil, func(_ int, w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			for range 100 {
				if _, err := w.Write(archive); err != nil {
					return
				}
			}
		}, `[""]`, "the server sends more than "},
		{"no length, and too short", nil, func(n int, w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			if n == 1 {
				w.Write(archive[:10])
			}
		}, `["" "bytes=10-" "" "" ""]`, "cut off after 0 of "},
		{"no ranges, and always cut", nil, func(n int, w http.ResponseWriter, r *http.Request) { cut(w, 100) }, `["" "bytes=100-" "bytes=100-" "bytes=100-" "bytes=100-"]`, "cut off after 100 of "},
		{"silence", nil, func(n int, w http.ResponseWriter, r *http.Request) {
			if n == 1 {
				w.(http.Flusher).Flush()
				<-r.Context().Done()
				return
			}
			content(w, r, archive)
		}, `["" ""]`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.handle)
			cache := t.TempDir()
			format := small(s.URL, archive)
			dst := filepath.Join(cache, "small.tar.gz")
			if c.part != nil {
				writeFiles(t, cache, map[string][]byte{"small.tar.gz.part": c.part})
			}
			var done, total int64
			env := Env{Cache: cache, Progress: func(_ string, d, t int64) { done, total = d, t }}
			err := fetcher{env: env, pause: 0, patience: fetchPatience / 200}.fetch(t.Context(), format.archive, dst)
			if asked := fmt.Sprintf("%q", s.requests); asked != c.asked {
				t.Errorf("asked for %s, not %s", asked, c.asked)
			}
			if c.want != "" {
				if err == nil || !strings.HasPrefix(err.Error(), "download "+s.URL+"/small.tar.gz: ") || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v\nnot %s", err, c.want)
				}
				if _, err := os.Stat(dst); err == nil {
					t.Error("it kept the file")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := os.ReadFile(dst); !bytes.Equal(got, archive) {
				t.Error("the file is not what the server has")
			}
			if len(s.requests) > 0 && (done != total || total != int64(len(archive))) {
				t.Errorf("the progress ended with %d of %d", done, total)
			}
			set, err := format.load(t.Context(), env)
			if err != nil {
				t.Fatal(err)
			}
			checkSmall(t, set)
		})
	}
}

func TestDownloadIsUnpackedOnceAndKnownAsOfficial(t *testing.T) {
	archive := smallArchive(t)
	s := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.Write(archive) })
	env := Env{Cache: filepath.Join(t.TempDir(), "new", "cache"), Warn: func(text string) { t.Error(text) }}
	for range 2 {
		set, err := small(s.URL, archive).load(t.Context(), env)
		if err != nil {
			t.Fatal(err)
		}
		checkSmall(t, set)
	}
	if len(s.requests) != 1 {
		t.Errorf("%d downloads", len(s.requests))
	}
	names, _ := filepath.Glob(filepath.Join(env.Cache, "*"))
	if want := []string{filepath.Join(env.Cache, "small-bin")}; !slices.Equal(names, want) {
		t.Errorf("the cache has %v", names)
	}
	// a change is noticed
	path := filepath.Join(env.Cache, "small-bin", "one.bin")
	content, _ := os.ReadFile(path)
	content[5]++
	os.WriteFile(path, content, 0o666)
	warned := false
	env.Warn = func(string) { warned = true }
	if _, err := small(s.URL, archive).load(t.Context(), env); err != nil || !warned {
		t.Errorf("%v, warned: %v", err, warned)
	}
}

func TestTwoProcessesDownloadOnce(t *testing.T) {
	archive := smallArchive(t)
	s := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.Write(archive) })
	dst := filepath.Join(t.TempDir(), "small.tar.gz")
	errs := make(chan error)
	for range 4 {
		go func() {
			errs <- fetcher{patience: fetchPatience}.fetch(t.Context(), small(s.URL, archive).archive, dst)
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if len(s.requests) != 1 {
		t.Errorf("%d downloads", len(s.requests))
	}
}

func TestNoFilesAndNoNetwork(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, c := range []struct {
		name string
		env  Env
		want []string
	}{
		{"the network is down", Env{Dirs: []string{"/one"}, Cache: t.TempDir()}, []string{
			"CIFAR-small was not found and could not be downloaded: download " + gone.URL + "/small.tar.gz: dial tcp",
			"\n  get " + gone.URL + "/small.tar.gz",
			"\n  and put small.tar.gz, or the folder small-bin that is in it, into one of these folders, which were looked in:\n    /one\n    ",
			"named by EXP_DATA_DIR or by data.dir in the experiment",
		}},
		{"downloads are off", Env{Cache: t.TempDir(), Offline: true}, []string{"could not be downloaded: downloads are switched off\n"}},
		{"no place for it", Env{}, []string{"could not be downloaded: there is no cache folder to keep a download in\n", "into a folder of your choice, named by EXP_DATA_DIR"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := small(gone.URL, smallArchive(t)).load(t.Context(), c.env)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\ndoes not say %q", err, want)
				}
			}
		})
	}
}

// idxFile is an IDX file of bytes.
func idxFile(values []byte, dims ...int) []byte {
	out := []byte{0, 0, 8, byte(len(dims))}
	for _, d := range dims {
		out = binary.BigEndian.AppendUint32(out, uint32(d))
	}
	return append(out, values...)
}

func gz(content []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(content)
	w.Close()
	return out.Bytes()
}

// smallIDX is an IDX data set of 3 and 2 pictures of 2x2 in three classes, at url.
func smallIDX(url string, files map[string][]byte) *idx {
	f := &idx{title: "IDX-small", subs: []string{"idx-small", "Other/raw"}, info: Info{Name: "idx", Classes: []string{"a", "b", "c"}, H: 2, W: 2, C: 1, Train: 3, Test: 2}}
	for i, name := range []string{"train-images", "train-labels", "t10k-images", "t10k-labels"} {
		packed := gz(files[name])
		sum := sha256.Sum256(packed)
		f.files[i] = remote{url + "/" + name + ".gz", int64(len(packed)), hex.EncodeToString(sum[:])}
	}
	return f
}

func idxFiles() map[string][]byte {
	return map[string][]byte{
		"train-images": idxFile([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 3, 2, 2),
		"train-labels": idxFile([]byte{0, 2, 1}, 3),
		"t10k-images":  idxFile([]byte{1, 3, 5, 7, 2, 4, 6, 8}, 2, 2, 2),
		"t10k-labels":  idxFile([]byte{1, 2}, 2),
	}
}

func TestIDXIsFound(t *testing.T) {
	packed := map[string][]byte{}
	for name, content := range idxFiles() {
		packed[name+".gz"] = gz(content)
	}
	mixed := maps.Clone(packed)
	mixed["t10k-labels"] = idxFiles()["t10k-labels"]
	delete(mixed, "t10k-labels.gz")
	for _, c := range []struct {
		name, dir string
		files     map[string][]byte
	}{
		{"plain", "a", idxFiles()},
		{"compressed", "a", packed},
		{"both", "a", mixed},
		{"a sub-folder", "a/idx-small", packed},
		{"torchvision's sub-folder", "a/Other/raw", idxFiles()},
		{"the system's folder", "system", packed},
		{"the network", "cache/idx-small", nil},
		{"the network, for the missing ones", "cache/idx-small", map[string][]byte{"train-images.gz": packed["train-images.gz"]}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
				w.Write(packed[filepath.Base(r.URL.Path)])
			})
			base := t.TempDir()
			if c.files != nil {
				writeFiles(t, filepath.Join(base, c.dir), c.files)
			}
			f := smallIDX(s.URL, idxFiles())
			f.system = filepath.Join(base, "system")
			var said []string
			set, err := f.load(t.Context(), Env{Dirs: []string{filepath.Join(base, "a")}, Cache: filepath.Join(base, "cache"), Warn: func(s string) { said = append(said, s) }})
			if official := !slices.Contains([]string{"plain", "both", "torchvision's sub-folder"}, c.name); official != (len(said) == 0) {
				t.Errorf("warned %q", said)
			}
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(set.Train.Labels, []int32{0, 2, 1}) || !slices.Equal(set.Test.Labels, []int32{1, 2}) ||
				set.Train.Pixels[11] != 12 || set.Test.Pixels[1] != 3 || set.From != filepath.Join(base, c.dir) {
				t.Errorf("read %v", set)
			}
			if want := map[string]int{"the network": 4, "the network, for the missing ones": 3}[c.name]; len(s.requests) != want {
				t.Errorf("%d downloads, not %d", len(s.requests), want)
			}
		})
	}
}

func TestBadIDXFiles(t *testing.T) {
	for _, c := range []struct {
		name    string
		file    string
		content []byte
		want    string
	}{
		{"empty", "train-images", nil, "it ends within its header (EOF)"},
		{"cut in the header", "train-images", idxFile(nil, 3, 2, 2)[:9], "it ends within its header (unexpected EOF)"},
		{"labels for pictures", "train-images", idxFile([]byte{0, 1, 2}, 3), "it begins with 00 00 08 01, not 00 00 08 03: it is not an IDX file of bytes in 3 dimensions"},
		{"floats", "train-images", append([]byte{0, 0, 13, 3}, make([]byte, 60)...), "it begins with 00 00 0d 03, not 00 00 08 03: it is not an IDX file of bytes in 3 dimensions"},
		{"fewer pictures", "train-images", idxFile(make([]byte, 8), 2, 2, 2), "dimension 0 is 2, not 3"},
		{"a size beyond all memory", "t10k-images", idxFile(nil, 2, 1<<31, 1<<31), "dimension 1 is 2147483648, not 2"},
		{"cut off", "train-images", idxFile(make([]byte, 7), 3, 2, 2), "it ends in record 1 of 3, counted from 0 (unexpected EOF)"},
		{"too long", "t10k-labels", idxFile([]byte{1, 2, 0}, 2), "it goes on after its 2 records"},
		{"a label out of range", "train-labels", idxFile([]byte{0, 3, 0}, 3), "record 1, counted from 0: the label is 3; there are 0 to 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, suffix := range []string{"", ".gz"} {
				files := idxFiles()
				delete(files, c.file)
				files[c.file+suffix] = c.content
				if suffix != "" {
					files[c.file+suffix] = gz(c.content)
				}
				dir := writeFiles(t, t.TempDir(), files)
				_, err := smallIDX("", nil).load(t.Context(), Env{Dirs: []string{dir}})
				if want := fmt.Sprintf("read IDX-small: %s/%s%s: %s", dir, c.file, suffix, c.want); err == nil || err.Error() != want {
					t.Errorf("%v\nnot %s", err, want)
				}
			}
		})
	}
	t.Run("a file is missing", func(t *testing.T) {
		files := idxFiles()
		delete(files, "t10k-images")
		dir := writeFiles(t, t.TempDir(), files)
		_, err := smallIDX("", nil).load(t.Context(), Env{Dirs: []string{dir}})
		if want := "read IDX-small: " + dir + " has some of the files but not t10k-images"; err == nil || err.Error() != want {
			t.Errorf("%v\nnot %s", err, want)
		}
	})
}

func TestCIFAR100HasTwoSetsOfClasses(t *testing.T) {
	for labels, want := range map[string]string{"fine": "100 apple worm", "coarse": "20 aquatic_mammals vehicles_2"} {
		info, err := (&CIFAR100{Labels: labels}).Info(Env{})
		if got := fmt.Sprint(len(info.Classes), " ", info.Classes[0], " ", info.Classes[len(info.Classes)-1]); err != nil || got != want {
			t.Errorf("%s: %s, %v", labels, got, err)
		}
		f := (&CIFAR100{Labels: labels}).format()
		if f.recordSize() != 3074 || f.records("train.bin") != 50_000 || f.records("test.bin") != 10_000 {
			t.Errorf("%s: records of %d bytes, %d and %d", labels, f.recordSize(), f.records("train.bin"), f.records("test.bin"))
		}
	}
}

func FuzzCIFAR(f *testing.F) {
	files := smallFiles()
	for _, name := range []string{"one.bin", "names.txt"} {
		f.Add(name, files[name])
	}
	f.Add("two.bin", files["two.bin"][:20])
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		format := small("", nil)
		set := format.empty()
		if err := format.parse(set, name, content); err != nil {
			return
		}
		if len(set.Info.Classes) != 3 {
			t.Errorf("classes %q", set.Info.Classes)
		}
		for _, l := range set.Train.Labels {
			if l < 0 || l > 2 {
				t.Errorf("label %d", l)
			}
		}
	})
}

func FuzzIDX(f *testing.F) {
	for _, content := range idxFiles() {
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if pixels, err := readIDX(bytes.NewReader(content), 3, 2, 2); err == nil && len(pixels) != 12 {
			t.Errorf("%d pixels", len(pixels))
		}
		labels, err := readIDXLabels(bytes.NewReader(content), 3, 3)
		if err == nil && (len(labels) != 3 || slices.Max(labels) > 2) {
			t.Errorf("labels %v", labels)
		}
	})
}

func FuzzUntar(f *testing.F) {
	f.Add(smallArchive(f))
	f.Add(tarGz(f, tarEntry{"../small-bin/one.bin", []byte("x"), tar.TypeReg}))
	f.Fuzz(func(t *testing.T, packed []byte) {
		// Fuzzing cannot make checksums, so what is not compressed is compressed first.
		if _, err := gzip.NewReader(bytes.NewReader(packed)); err != nil {
			packed = gz(packed)
		}
		got := map[string]int{}
		err := untar(bytes.NewReader(packed), "small-bin", []entry{{name: "one.bin", size: 39}, {name: "names.txt", size: 100, atMost: true}},
			func(name string, content []byte) error {
				got[name]++
				if name == "one.bin" && len(content) != 39 || name == "names.txt" && len(content) > 100 {
					t.Errorf("%s has %d bytes", name, len(content))
				}
				return nil
			})
		if err == nil && (len(got) != 2 || got["one.bin"] != 1 || got["names.txt"] != 1) {
			t.Errorf("unpacked %v", got)
		}
	})
}

// expiring is a context that is cancelled when it has been asked so often.
type expiring struct {
	context.Context
	left atomic.Int64
}

func expireAfter(t *testing.T, asked int) *expiring {
	e := &expiring{Context: t.Context()}
	e.left.Store(int64(asked))
	return e
}

func (e *expiring) Err() error {
	if e.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

func TestLoadingStopsWhenCancelled(t *testing.T) {
	archive := smallArchive(t)
	files, packed, plain := writeFiles(t, t.TempDir(), smallFiles()), writeFiles(t, t.TempDir(), map[string][]byte{"small.tar.gz": archive}), writeFiles(t, t.TempDir(), idxFiles())
	for name, load := range map[string]func(context.Context) (*Set, error){
		"made": func(ctx context.Context) (*Set, error) { return (&Synthetic{Train: 10, Test: 10}).Load(ctx, Env{}) },
		"files": func(ctx context.Context) (*Set, error) {
			return small("", archive).load(ctx, Env{Dirs: []string{files}})
		},
		"archive": func(ctx context.Context) (*Set, error) {
			return small("", archive).load(ctx, Env{Dirs: []string{packed}})
		},
		"IDX": func(ctx context.Context) (*Set, error) {
			return smallIDX("", nil).load(ctx, Env{Dirs: []string{plain}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			for asked := range 3 { // all have at least three steps
				if set, err := load(expireAfter(t, asked)); set != nil || !errors.Is(err, context.Canceled) {
					t.Errorf("cancelled after %d steps: %v", asked, err)
				}
			}
		})
	}
}
