package data

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"syscall"
	"time"
)

const (
	fetchTries    = 5                // without getting further
	fetchPause    = 2 * time.Second  // between two tries
	fetchPatience = 60 * time.Second // for the next byte
	fetchChunk    = 256 << 10        // bytes between two reports of progress
)

// remote is a file on the network that never changes.
type remote struct {
	url  string
	size int64
	sum  string // SHA-256 in hexadecimal
}

func (r remote) name() string { return path.Base(r.url) }

// fetcher downloads files.
type fetcher struct {
	env      Env
	pause    time.Duration
	patience time.Duration
}

// fetch makes the file at dst, unless it is there. What has come so far is in dst + ".part": when the connection is cut,
// or the program ends, the download goes on from there. The file gets its name only when size and checksum are right.
// Several processes may do so at once: one downloads, the others wait.
func (f fetcher) fetch(ctx context.Context, r remote, dst string) error {
	part, err := os.OpenFile(dst+".part", os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return fmt.Errorf("keep a download: %w", err)
	}
	defer part.Close() // and with it the lock
	if err := lock(ctx, part); err != nil {
		return fmt.Errorf("wait for another download of %s: %w", r.name(), err)
	}
	if _, err := os.Stat(dst); err == nil {
		os.Remove(part.Name())
		return nil
	}
	had, err := part.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("read %s: %w", part.Name(), err)
	}
	err = f.complete(ctx, r, part)
	if errors.Is(err, errSum) && had > 0 { // perhaps what was there before is to blame
		err = f.complete(ctx, r, part)
	}
	if err != nil {
		return err
	}
	if err := os.Rename(part.Name(), dst); err != nil {
		return fmt.Errorf("keep a download: %w", err)
	}
	return nil
}

// lock waits until no other process has the file.
func lock(ctx context.Context, file *os.File) error {
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

var errSum = errors.New("wrong checksum")

// passing is an error that may be gone at the next try.
type passing struct{ error }

func (p passing) Unwrap() error { return p.error }

// complete downloads what is missing in part and checks the whole; a part that cannot become right is emptied.
func (f fetcher) complete(ctx context.Context, r remote, part *os.File) error {
	most := int64(0)
	for tries := 1; ; tries++ {
		have, err := f.more(ctx, r, part)
		if err == nil {
			break
		}
		if have > most {
			most, tries = have, 1
		}
		if ctx.Err() != nil || !errors.As(err, &passing{}) || tries >= fetchTries {
			return fmt.Errorf("download %s: %w", r.url, err)
		}
		if err := sleep(ctx, f.pause); err != nil {
			return fmt.Errorf("download %s: %w", r.url, err)
		}
	}
	h := sha256.New()
	if _, err := part.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read %s: %w", part.Name(), err)
	}
	if _, err := io.Copy(h, part); err != nil {
		return fmt.Errorf("read %s: %w", part.Name(), err)
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != r.sum {
		part.Truncate(0)
		return fmt.Errorf("download %s: %w: SHA-256 is %s, not %s; it was thrown away", r.url, errSum, sum, r.sum)
	}
	return nil
}

// more asks once for what is missing at the end of part, appends what comes, and says how many bytes there are then. The
// error is nil when nothing is missing.
func (f fetcher) more(ctx context.Context, r remote, part *os.File) (have int64, err error) {
	have, err = part.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	if have > r.size {
		have = 0
	}
	if have == r.size {
		return have, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	errSlow := fmt.Errorf("nothing came for %v", f.patience)
	tooSlow := time.AfterFunc(f.patience, func() { cancel(errSlow) })
	defer tooSlow.Stop()
	defer func() {
		if err != nil && context.Cause(ctx) == errSlow {
			err = passing{errSlow}
		}
	}()

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return 0, err
	}
	if have > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	client := f.env.Client
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(request)
	if err != nil {
		if cause := (*url.Error)(nil); errors.As(err, &cause) {
			err = cause.Err // without the address, which the caller tells
		}
		if have > 0 { // it worked before
			err = passing{err}
		}
		return 0, err
	}
	defer response.Body.Close()

	switch code := response.StatusCode; {
	case code == http.StatusPartialContent:
		want := fmt.Sprintf("bytes %d-%d/%d", have, r.size-1, r.size)
		if is := response.Header.Get("Content-Range"); is != want {
			part.Truncate(0)
			return 0, passing{fmt.Errorf("the server sends %q, not %q", is, want)}
		}
	case code == http.StatusOK:
		have = 0 // all of it, whatever was asked for
		if n := response.ContentLength; n >= 0 && n != r.size {
			return 0, fmt.Errorf("the server has %d bytes, not %d", n, r.size)
		}
	case code == http.StatusRequestedRangeNotSatisfiable:
		part.Truncate(0)
		return 0, passing{fmt.Errorf("the server says %s", response.Status)}
	case code >= 500 || code == http.StatusTooManyRequests:
		return 0, passing{fmt.Errorf("the server says %s", response.Status)}
	default:
		return 0, fmt.Errorf("the server says %s", response.Status)
	}
	if err := part.Truncate(have); err != nil {
		return 0, err
	}
	if _, err := part.Seek(have, io.SeekStart); err != nil {
		return 0, err
	}
	for {
		tooSlow.Reset(f.patience)
		n, err := io.CopyN(part, response.Body, min(fetchChunk, r.size+1-have))
		have += n
		f.env.progress(r.name(), have, r.size)
		switch {
		case have > r.size:
			part.Truncate(0)
			return 0, fmt.Errorf("the server sends more than %d bytes", r.size)
		case have == r.size && errors.Is(err, io.EOF):
			return have, nil
		case err != nil:
			return have, passing{fmt.Errorf("cut off after %d of %d bytes: %w", have, r.size, err)}
		}
	}
}
