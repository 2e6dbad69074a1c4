// Package source reads YAML text into trees whose every node knows where it was written, and shows mistakes at
// the place where they are. It is the only user of the YAML library; the traps of that library (duplicate keys,
// octal numbers, several documents, aliases that multiply) are closed here.
package source

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxSize is the number of bytes a text may have. Experiments are a few hundred bytes; a larger file is the wrong file.
const MaxSize = 1 << 20

// File is a text that was read: a file, or the text of an override given on the command line.
type File struct {
	Name     string // as shown: "configs/r56.yaml", "--set #2"
	Text     string // with \n as the only line break and no byte order mark
	Order    int    // mistakes in files of lower order are shown first
	Override bool   // a line of the command line: shown by its name, without line and column

	lines []string // of Text, made when first asked for
}

// NewFile makes a File of text, unifying its line breaks.
func NewFile(name, text string) *File {
	text = strings.TrimPrefix(text, "\uFEFF")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return &File{Name: name, Text: strings.ReplaceAll(text, "\r", "\n")}
}

// Line returns the text of line n, counted from 1, without its line break; "" when there is no such line.
func (f *File) Line(n int) string {
	if f.lines == nil {
		f.lines = strings.Split(f.Text, "\n")
	}
	if n < 1 || n > len(f.lines) {
		return ""
	}
	return f.lines[n-1]
}

// Span is a piece of one line of a File. Line and Col count from 1, Col and Len in characters. Line 0 means the whole file.
type Span struct {
	File           *File
	Line, Col, Len int
}

// String gives the place as "file:line:col", or the name alone for an override or a whole file.
func (s Span) String() string {
	if s.File == nil {
		return "experiment"
	}
	if s.Line == 0 || s.File.Override {
		return s.File.Name
	}
	return fmt.Sprintf("%s:%d:%d", s.File.Name, s.Line, s.Col)
}

// At returns the span of length bytes of f's text from the byte offset on, cut at the end of the line.
func (f *File) At(offset, length int) Span {
	before := f.Text[:offset]
	start := strings.LastIndexByte(before, '\n') + 1
	piece, _, _ := strings.Cut(f.Text[offset:min(offset+length, len(f.Text))], "\n")
	return Span{
		File: f,
		Line: 1 + strings.Count(before, "\n"),
		Col:  1 + utf8.RuneCountInString(before[start:]),
		Len:  max(1, utf8.RuneCountInString(piece)),
	}
}
