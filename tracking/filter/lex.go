package filter

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind uint8

const (
	end    kind = iota
	word        // a name, a keyword, a number or a value without quotes
	quoted      // a value in quotes
	mark        // an operator, a parenthesis, a comma or @
)

type token struct {
	kind    kind
	text    string // without quotes
	at, len int
}

// is says whether a token is that mark or that keyword, in any case.
func (t token) is(text string) bool {
	return t.kind == mark && t.text == text || t.kind == word && strings.EqualFold(t.text, text)
}

// marks are what ends a word, the longer ones first. The last four are written by
// people who know other languages, and get a word of advice.
var marks = []string{"!=", "<=", ">=", "==", "<>", "&&", "(", ")", ",", "=", "<", ">", "~", "@", "!", ";", "&"}

const maxText = 1 << 16 // bytes of an expression

// lex cuts a text into tokens; the last one is the end.
func lex(text string) ([]token, *Error) {
	fault := func(at, n int, problem string) *Error { return &Error{Text: text, At: at, Len: n, Problem: problem} }
	if len(text) > maxText {
		return nil, &Error{Text: "", Problem: "an expression of more than 64 kB"}
	}
	if !utf8.ValidString(text) {
		return nil, &Error{Text: strings.ToValidUTF8(text, "\uFFFD"), Problem: "this is not UTF-8"}
	}
	var tokens []token
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case unicode.IsSpace(r):
			i += n
		case unicode.IsControl(r):
			return nil, fault(i, n, "there is an invisible character here")
		case r == '\'' || r == '"':
			value, length, ok := unquote(text[i:])
			if !ok {
				return nil, fault(i, len(text)-i, "the quote does not end")
			}
			tokens = append(tokens, token{quoted, value, i, length})
			i += length
		default:
			if m := markAt(text[i:]); m != "" {
				tokens = append(tokens, token{mark, m, i, len(m)})
				i += len(m)
				break
			}
			start := i
			for i < len(text) && markAt(text[i:]) == "" {
				r, n := utf8.DecodeRuneInString(text[i:])
				if unicode.IsSpace(r) || unicode.IsControl(r) || r == '\'' || r == '"' {
					break
				}
				i += n
			}
			tokens = append(tokens, token{word, text[start:i], start, i - start})
		}
	}
	return append(tokens, token{end, "", len(text), 0}), nil
}

func markAt(s string) string {
	for _, m := range marks {
		if strings.HasPrefix(s, m) {
			return m
		}
	}
	return ""
}

// unquote reads a quoted text at the start of s; a quote in it is written twice.
func unquote(s string) (value string, length int, ok bool) {
	quote := s[:1]
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] != quote[0]:
			b.WriteByte(s[i])
		case strings.HasPrefix(s[i+1:], quote):
			b.WriteByte(s[i])
			i++
		default:
			return b.String(), i + 1, true
		}
	}
	return "", 0, false
}
