package main

import (
	"bufio"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/mattn/go-sqlite3"
	"github.com/spf13/cobra"

	"exp/internal/kernels"
	"exp/internal/term"
)

func newVersionCmd(a *app) *cobra.Command {
	o := &output{}
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Show what this program was built from and what it computes with",
		Long:    "Show what this program was built from and what it computes with.\n\n" + exitCodes,
		Example: "  exp version\n  exp version --json",
		Args:    cobra.NoArgs,
		RunE: a.run(func(*cobra.Command, []string) error {
			format, err := o.format()
			if err != nil {
				return err
			}
			return a.version(format)
		}),
	}
	o.flags(cmd)
	return cmd
}

func (a *app) version(format term.Format) error {
	b := readBuild()
	sqlite, _, _ := sqlite3.Version()
	about := []struct {
		name  string
		value any
	}{
		{"version", b.version}, {"commit", known(b.commit)}, {"modified", b.modified}, {"go", runtime.Version()},
		{"platform", runtime.GOOS + "/" + runtime.GOARCH}, {"cpu", cpuModel()}, {"kernels", kernelISA()}, {"sqlite", sqlite},
	}
	if format == term.JSON {
		object := term.Object{}
		for _, p := range about {
			object = append(object, term.Pair{Key: p.name, Value: p.value})
		}
		return term.WriteJSON(a.out, object)
	}
	t := &term.Table{Columns: []term.Column{{Name: "what"}, {Name: "value"}}}
	for _, p := range about {
		t.Add(p.name, p.value)
	}
	return t.Write(a.out, format, a.color(a.outTTY))
}

// build is what this program was built from; the commit is empty where the build
// did not know it.
type build struct {
	version, commit string
	modified        bool
}

func readBuild() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build{version: "unknown"}
	}
	b := build{version: info.Main.Version}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.commit = s.Value
		case "vcs.modified":
			b.modified = s.Value == "true"
		}
	}
	return b
}

// kernelISA is the instruction set that the kernels use here.
func kernelISA() string {
	k := kernels.NewNative(1)
	defer k.Close()
	return k.ISA()
}

// cpuModel is the processor's name as it gives it itself.
func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
