// Package checkpoint writes and reads weights as safetensors files (huggingface.co/docs/safetensors), which other tools read too.
//
// A file is the length of its header (8 bytes, little-endian), the header (JSON: for each tensor dtype, shape and the place
// of its data; and `__metadata__`, names and texts), and the data, one tensor after another without gaps. Only F32 is
// written and read. Beyond the format, the metadata carries the SHA-256 of the data, and reading checks it when it is there.
package checkpoint

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"math"
)

// Tensor is a named array.
type Tensor struct {
	Name  string
	Shape []int     // empty for a single number
	F32   []float32 // row-major, as many as Shape says
}

const (
	dtype       = "F32"
	elementSize = 4
	metadataKey = "__metadata__"
	checksumKey = "sha256"    // in the metadata: hexadecimal SHA-256 of the data
	lengthSize  = 8           // bytes before the header
	maxHeader   = 100_000_000 // bytes; the limit of the format's own library
	chunk       = 1 << 18     // numbers converted at a time
	alignment   = 8           // the header is filled up with spaces so that the data starts at a multiple of it
)

// entry is what the header says of a tensor.
type entry struct {
	Dtype   string  `json:"dtype"`
	Shape   []int64 `json:"shape"`
	Offsets []int64 `json:"data_offsets"` // begin and end in the data, in bytes
}

// Sum is the SHA-256 over the data of tensors, in their order: what Write puts into the metadata, in hexadecimal.
func Sum(tensors []Tensor) string {
	h := sha256.New()
	for _, t := range tensors {
		writeFloats(h, t.F32) // a hash never fails
	}
	return hexSum(h)
}

func hexSum(h hash.Hash) string { return fmt.Sprintf("%x", h.Sum(nil)) }

// count is the product of shape's sizes, or false when that is negative somewhere or beyond what memory can hold.
func count[I int | int64](shape []I) (int64, bool) {
	n := int64(1)
	for _, s := range shape {
		if s < 0 || s > 0 && n > math.MaxInt64/elementSize/int64(s) {
			return 0, false
		}
		n *= int64(s)
	}
	return n, true
}

// writeFloats writes little-endian numbers.
func writeFloats(w io.Writer, x []float32) error {
	buf := make([]byte, 0, elementSize*min(len(x), chunk))
	for len(x) > 0 {
		part := x[:min(len(x), chunk)]
		x = x[len(part):]
		buf = buf[:0]
		for _, v := range part {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// readFloats fills x with little-endian numbers.
func readFloats(r io.Reader, x []float32) error {
	buf := make([]byte, elementSize*min(len(x), chunk))
	for len(x) > 0 {
		part := x[:min(len(x), chunk)]
		x = x[len(part):]
		if _, err := io.ReadFull(r, buf[:elementSize*len(part)]); err != nil {
			return err
		}
		for i := range part {
			part[i] = math.Float32frombits(binary.LittleEndian.Uint32(buf[elementSize*i:]))
		}
	}
	return nil
}
