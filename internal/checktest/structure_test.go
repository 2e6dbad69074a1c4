package checktest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// allowed is what each package may import of this module, besides internal/stream, which imports nothing. A name ending in
// /... means everything below it.
var allowed = map[string][]string{
	"exp/cmd/exp":            {"exp/runner/...", "exp/runner", "exp/tracking", "exp/tracking/filter", "exp/internal/term", "exp/configs", "exp/blocks", "exp/data", "exp/registry", "exp/internal/source", "exp/internal/kernels"},
	"exp/runner":             {"exp/configs", "exp/blocks", "exp/data", "exp/runner/...", "exp/internal/ops", "exp/internal/kernels"},
	"exp/runner/optim":       {"exp/registry", "exp/internal/kernels"},
	"exp/runner/schedule":    {"exp/registry"},
	"exp/runner/metric":      {},
	"exp/runner/checkpoint":  {},
	"exp/configs":            {"exp/blocks", "exp/data", "exp/runner/...", "exp/registry", "exp/internal/source"},
	"exp/blocks":             {"exp/internal/ops", "exp/internal/kernels", "exp/registry"},
	"exp/data":               {"exp/registry", "exp/internal/source"},
	"exp/tracking":           {"exp/tracking/filter"},
	"exp/tracking/filter":    {},
	"exp/internal/term":      {},
	"exp/internal/ops":       {"exp/internal/kernels"},
	"exp/internal/kernels":   {},
	"exp/registry":           {"exp/internal/source"},
	"exp/internal/source":    {},
	"exp/internal/stream":    {},
	"exp/internal/checktest": {"exp/blocks", "exp/internal/kernels", "exp/internal/ops", "exp/internal/source", "exp/registry"},
}

// packages lists the packages of the module, each with what it imports.
func packages(t *testing.T) (lines [][]string) {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "exp/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.Fields(line))
	}
	return lines
}

func TestImportsPointDown(t *testing.T) {
	for _, words := range packages(t) {
		of := words[0]
		may, known := allowed[of]
		if !known {
			t.Errorf("%s is in no place of the map; has the project really no room for it?", of)
		}
		for _, im := range words[1:] {
			if known && strings.HasPrefix(im, "exp/") && im != "exp/internal/stream" && !permits(may, im) {
				t.Errorf("%s imports %s", of, im)
			}
		}
	}
}

func permits(may []string, im string) bool {
	for _, m := range may {
		if below, ok := strings.CutSuffix(m, "/..."); m == im || ok && strings.HasPrefix(im, below+"/") {
			return true
		}
	}
	return false
}

func TestOnlyOnePackageReadsYAMLAndOneWritesSQL(t *testing.T) {
	for _, words := range packages(t) {
		for _, im := range words[1:] {
			switch {
			case im == "gopkg.in/yaml.v3" && words[0] != "exp/internal/source",
				im == "database/sql" && words[0] != "exp/tracking",
				im == "C" && words[0] != "exp/internal/kernels":
				t.Errorf("%s imports %s", words[0], im)
			}
		}
	}
}

func TestEveryExportedNameIsDocumented(t *testing.T) {
	root := "../.."
	files := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(files, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, name := range undocumented(f) {
			t.Errorf("%s: %s has no doc comment", path, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func undocumented(f *ast.File) (names []string) {
	need := func(id *ast.Ident, docs ...*ast.CommentGroup) {
		for _, d := range docs {
			if d.Text() != "" {
				return
			}
		}
		if id.IsExported() {
			names = append(names, id.Name)
		}
	}
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil || exportedReceiver(d.Recv) {
				need(d.Name, d.Doc)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					need(s.Name, d.Doc, s.Doc, s.Comment)
				case *ast.ValueSpec:
					for _, id := range s.Names {
						need(id, d.Doc, s.Doc, s.Comment)
					}
				}
			}
		}
	}
	return names
}

func exportedReceiver(recv *ast.FieldList) bool {
	t := recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}
