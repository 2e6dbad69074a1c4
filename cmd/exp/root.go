package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"exp/internal/kernels"
	"exp/tracking"
	"exp/tracking/filter"
)

// app is what every verb is given of the outside world.
type app struct {
	in             io.Reader
	inTTY          bool
	out, err       io.Writer
	outTTY, errTTY bool
	getenv         func(string) string
	now            func() time.Time
	started        time.Time // when the program was; zero in tests
	host           string
	cache          string // the user's folder for what can be made again; "" = none
	settings       settings
	reread         func() error // reads settings again, once a completion has parsed its flags
	ran            bool         // a verb's own work has begun: what fails before it is a usage mistake
}

// settings are the tool's own, from flags, EXP_* variables and exp.yaml, in that
// order. What an experiment says is never found here.
type settings struct {
	DB      string // the store
	Data    string // folder in which data sets are looked for first; empty = the usual places
	Threads int    // 0 = one per processor
	Color   string // auto, always, never
}

// settingKeys are the keys of exp.yaml, each with the flag of its name and its variable.
var settingKeys = []struct{ key, env, doc string }{
	{"db", "EXP_DB", "the store of runs"},
	{"data", "EXP_DATA_DIR", "folder in which data sets are looked for first"},
	{"threads", "EXP_THREADS", "threads to compute with (0: one per processor)"},
	{"color", "EXP_COLOR", "auto, always or never"},
}

const maxThreads = 1024 // more than any processor of today has

const exitCodes = `Exit codes: 0 done, 1 failed or diverged, 2 config or usage, 3 run or weights not found,
4 store unavailable, 130 interrupted.`

func (a *app) main(ctx context.Context, args []string) int {
	out := &keeper{w: a.out}
	a.out = out
	root := newRootCmd(a)
	root.SetArgs(args)
	err := root.ExecuteContext(context.WithValue(ctx, appKey{}, a))
	code := a.exitCode(err)
	if code == 0 && out.err != nil {
		code, err = 1, out.err
	}
	if err != nil && !errors.As(err, new(*silentError)) {
		fmt.Fprintf(a.err, "exp: %v\n", explain(err))
	}
	return code
}

// keeper keeps the first error of its writer: who writes line by line need not
// look at each.
type keeper struct {
	w   io.Writer
	err error
}

func (k *keeper) Write(p []byte) (int, error) {
	n, err := k.w.Write(p)
	if k.err == nil {
		k.err = err
	}
	return n, err
}

func newRootCmd(a *app) *cobra.Command {
	v := viper.New()
	cmd := &cobra.Command{
		Use:   "exp",
		Short: "Train declared nets, record every run, compare them",
		Long: `exp trains nets that YAML files declare, records every run in SQLite and compares them.

The flags below are exp's own settings. Where one is not given, its variable counts, EXP_DB,
EXP_DATA_DIR, EXP_THREADS or EXP_COLOR; and then the file exp.yaml in the working folder, with
db, data, threads and color. An experiment's file must have another name.

` + exitCodes,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := kernels.Select(""); err != nil {
				return err
			}
			return a.readSettings(v)
		},
	}
	a.reread = func() error { return a.readSettings(v) }
	cmd.SetOut(a.out)
	cmd.SetErr(a.err)
	flags := cmd.PersistentFlags()
	v.SetDefault("db", "runs/exp.db")
	v.SetDefault("color", "auto")
	for _, s := range settingKeys {
		if s.key == "threads" {
			flags.Int(s.key, 0, s.doc)
		} else {
			flags.String(s.key, v.GetString(s.key), s.doc)
		}
		v.BindPFlag(s.key, flags.Lookup(s.key))
		v.BindEnv(s.key, s.env)
	}
	cmd.SetFlagErrorFunc(flagError)
	cmd.AddCommand(newRunCmd(a), newCheckCmd(a), newConfigCmd(a), newDescribeCmd(a), newListCmd(a), newBenchCmd(a), newVersionCmd(a))
	cmd.AddCommand(newDataCmd(a))
	cmd.AddCommand(newLsCmd(a), newShowCmd(a), newCompareCmd(a), newDiffCmd(a), newPlotCmd(a), newQueryCmd(a), newExportCmd(a))
	cmd.AddCommand(newTagCmd(a), newNoteCmd(a), newRenameCmd(a), newRmCmd(a), newRestoreCmd(a), newGcCmd(a))
	cmd.AddCommand(newResumeCmd(a), newRerunCmd(a), newEvalCmd(a), newPredictCmd(a), newSchemaCmd(a), newManCmd(a))
	cmd.InitDefaultHelpCmd()
	help, _, _ := cmd.Find([]string{"help"})
	help.Args = func(cmd *cobra.Command, args []string) error { // cobra's own ends well where there is no such verb
		_, _, err := cmd.Root().Find(args)
		return err
	}
	return cmd
}

// readSettings fills a.settings; every key of exp.yaml must be one of ours.
func (a *app) readSettings(v *viper.Viper) error {
	v.SetConfigFile("exp.yaml")
	var known []string
	for _, s := range settingKeys {
		known = append(known, s.key)
	}
	wrong := func(problem error) error {
		return fmt.Errorf("exp.yaml: %w\n   this file holds exp's own settings (%s); an experiment must have another name", problem, strings.Join(known, ", "))
	}
	if err := v.ReadInConfig(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		if broken := (viper.ConfigParseError{}); errors.As(err, &broken) {
			err = broken.Unwrap() // less "While parsing config"
		}
		return wrong(err)
	}
	for _, key := range slices.Sorted(slices.Values(v.AllKeys())) {
		if !slices.Contains(known, key) {
			return wrong(fmt.Errorf("%s: unknown setting", key))
		}
	}
	a.settings = settings{DB: v.GetString("db"), Data: v.GetString("data"), Color: v.GetString("color")}
	threads := strings.TrimSpace(v.GetString("threads"))
	if _, err := fmt.Sscanf(threads+"\n", "%d\n", &a.settings.Threads); err != nil || a.settings.Threads < 0 || a.settings.Threads > maxThreads {
		return fmt.Errorf("threads: %q is not a whole number from 0 to %d", threads, maxThreads)
	}
	if !slices.Contains([]string{"auto", "always", "never"}, a.settings.Color) {
		return fmt.Errorf("color: %q is not auto, always or never", a.settings.Color)
	}
	if a.settings.DB == "" {
		return errors.New("db: the store's path is empty")
	}
	return nil
}

// color says whether escape codes may be written to a stream.
func (a *app) color(tty bool) bool {
	switch {
	case a.settings.Color == "always":
		return true
	case a.settings.Color == "never" || a.getenv("NO_COLOR") != "" || a.getenv("TERM") == "dumb":
		return false
	}
	return tty
}

// run makes a verb's work: what fails inside it is not a usage mistake.
func (a *app) run(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.ran = true
		return f(cmd, args)
	}
}

// say writes talk: what a person reads and no program should.
func (a *app) say(format string, args ...any) { fmt.Fprintf(a.err, format+"\n", args...) }

// ask is say without the end of the line.
func (a *app) ask(format string, args ...any) { fmt.Fprintf(a.err, format, args...) }

func (a *app) env() tracking.Env { return tracking.Env{Host: a.host, Now: a.now} }

// openReader opens the store to look at it.
func (a *app) openReader(ctx context.Context) (*tracking.Store, error) {
	return tracking.OpenReader(ctx, a.settings.DB, a.env())
}

// openWriter opens the store to change it; it must be there.
func (a *app) openWriter(ctx context.Context) (*tracking.Store, error) {
	reader, err := a.openReader(ctx) // tells when there is none, and makes none
	if err != nil {
		return nil, err
	}
	reader.Close()
	return tracking.Open(ctx, a.settings.DB, a.env())
}

// usageError is a mistake in how a verb was called: exit code 2.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// silentError ends with a code after everything has been said.
type silentError struct{ code int }

func (e *silentError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// exitCode is the code of design for each sort of error.
func (a *app) exitCode(err error) int {
	var silent *silentError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &silent):
		return silent.code
	case errors.As(err, new(usageError)), errors.As(err, new(*tracking.AmbiguousError)), errors.As(err, new(*tracking.QueryError)), errors.As(err, new(*filter.Error)):
		return 2
	case errors.Is(err, context.Canceled):
		return 130
	case errors.As(err, new(*tracking.NotFoundError)):
		return 3
	case errors.As(err, new(*tracking.UnavailableError)):
		return 4
	case !a.ran:
		return 2
	}
	return 1
}
